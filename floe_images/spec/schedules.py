"""``orchestration.schedules`` and ``orchestration.sensors``: what sets a run off."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from floe_images.spec.clock import check_cron, check_timezone, parse_duration
from floe_images.spec.values import Name, Strict, matching

Cron = Annotated[str, Field(max_length=255), AfterValidator(check_cron)]
Timezone = Annotated[str, Field(max_length=64), AfterValidator(check_timezone)]
Seconds = Annotated[
    int,
    BeforeValidator(parse_duration),
    Field(gt=0, le=366 * 86400),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9]{1,9}[smhd]$"}]}),
]
Selector = Annotated[
    str, matching(r"[A-Za-z0-9_.:*+@/,\[\]{}-]+(?: [A-Za-z0-9_.:*+@/,\[\]{}-]+)*", "dbt's node selection")
]


class Schedule(Strict):
    """A run at fixed times."""

    name: Name = Field(description="Name of the schedule.")
    cron: Cron = Field(description="Minute, hour, day of month, month, day of week; or @hourly, @daily, and so on.")
    timezone: Timezone = Field(default="UTC", description="IANA time zone, such as America/New_York.")
    select: tuple[Selector, ...] = Field(default=(), description="dbt selection; everything unless given.")
    exclude: tuple[Selector, ...] = Field(default=(), description="dbt selection that is left out.")
    target: Name | None = Field(default=None, description="Target; the default one unless given.")


class Maintenance(Strict):
    """Looks after the Iceberg tables of the catalogs at fixed times."""

    cron: Cron = Field(description="Minute, hour, day of month, month, day of week; or @daily, @weekly, and so on.")
    timezone: Timezone = Field(default="UTC", description="IANA time zone, such as America/New_York.")
    catalogs: tuple[Name, ...] = Field(default=(), description="Names in catalogs; all of them unless given.")
    keep: Seconds = Field(default=7 * 86400, description="Seconds that snapshots stay (or 36h, 7d).")
    keep_last: int = Field(default=5, ge=1, le=10_000, description="Snapshots of a table that stay in any case.")
    orphans: Annotated[Seconds, Field(ge=86400)] = Field(
        default=3 * 86400,
        description="Age in seconds (or 3d) from which files that nothing refers to go; a day at least.",
    )


class _Sensor(Strict):
    name: Name = Field(description="Name of the sensor.")
    interval: Seconds = Field(default=30, description="Seconds between two looks (or 5m, 1h).")
    select: tuple[Selector, ...] = Field(default=(), description="dbt selection that runs; everything unless given.")
    target: Name | None = Field(default=None, description="Target; the default one unless given.")


class RunStatusSensor(_Sensor):
    """Runs when another run has ended."""

    type: Literal["run_status"] = Field(description="After a run.")
    status: Literal["success", "failure", "canceled"] = Field(description="How that run has ended.")
    schedule: Name | None = Field(default=None, description="Only runs of this schedule.")


class FileArrivalSensor(_Sensor):
    """Runs when a new file lies there."""

    type: Literal["file_arrival"] = Field(description="After a file has arrived.")
    path: Annotated[str, matching(r"(?:/|s3://|gs://|abfss://)[ -~]+", "an absolute path or a location")] = Field(
        description="Path or location; * and ? match within a name."
    )


class FreshnessSensor(_Sensor):
    """Runs when sources or models are older than they may be."""

    type: Literal["freshness"] = Field(description="When something is too old.")
    watch: tuple[Selector, ...] = Field(min_length=1, description="dbt selection of what is watched.")
    max_age: Seconds = Field(description="Seconds that it may be old (or 30m, 6h, 2d).")
