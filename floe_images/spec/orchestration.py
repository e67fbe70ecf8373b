"""``orchestration`` and ``observability``: when the pipeline runs, where its state is kept, and who is told."""

# No `from __future__ import annotations`: pydantic would compile each annotation out of its text at every start.
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from floe_images.spec.unions import off_or, one_of, part
from floe_images.spec.values import Strict


class SqliteMetadata(Strict):
    """SQLite under the state volume."""

    type: Literal["sqlite"] = Field(description="SQLite files in the state volume.")


if TYPE_CHECKING:
    from floe_images.spec.postgres import PostgresMetadata
    from floe_images.spec.schedules import FileArrivalSensor, FreshnessSensor, Maintenance, RunStatusSensor, Schedule
    from floe_images.spec.telemetry import ConsoleLineage, FileLineage, HttpLineage, Traces

    Metadata = SqliteMetadata | PostgresMetadata
    Sensor = RunStatusSensor | FileArrivalSensor | FreshnessSensor
    TracesSetting = Literal["off"] | Traces
    LineageSetting = Literal["off"] | HttpLineage | FileLineage | ConsoleLineage
else:
    Metadata = one_of("type", sqlite="orchestration:SqliteMetadata", postgres="postgres:PostgresMetadata")
    Schedule = part("schedules:Schedule")
    Maintenance = part("schedules:Maintenance")
    Sensor = one_of(
        "type",
        run_status="schedules:RunStatusSensor",
        file_arrival="schedules:FileArrivalSensor",
        freshness="schedules:FreshnessSensor",
    )
    TracesSetting = off_or(part("telemetry:Traces"))
    LineageSetting = off_or(
        one_of("type", http="telemetry:HttpLineage", file="telemetry:FileLineage", console="telemetry:ConsoleLineage")
    )


class Orchestration(Strict):
    """When the pipeline runs, and where Dagster keeps its state."""

    metadata: Metadata = Field(
        default_factory=lambda: SqliteMetadata.model_construct(type="sqlite"),
        description="Where Dagster keeps its state.",
    )
    schedules: tuple[Schedule, ...] = Field(default=(), description="Runs at fixed times.")
    sensors: tuple[Sensor, ...] = Field(default=(), description="Runs that something sets off.")
    maintenance: Maintenance | None = Field(default=None, description="When Iceberg tables are looked after.")


class Observability(Strict):
    """Who is told what the pipeline does; nobody, unless an endpoint is named here."""

    traces: TracesSetting = Field(default="off", description="OpenTelemetry: off, or an endpoint.")
    lineage: LineageSetting = Field(default="off", description="OpenLineage: off, or where events go.")
