"""``orchestration`` and ``observability``: when the pipeline runs, where its state is kept, and who is told."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from floe_images.spec.clock import check_cron, check_timezone, parse_duration
from floe_images.spec.values import Line, Name, OneOf, Port, Secret, Setting, StatePath, Strict, Url, matching

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


class SqliteMetadata(Strict):
    """SQLite under the state volume."""

    type: Literal["sqlite"] = Field(description="SQLite files in the state volume.")


class PostgresMetadata(Strict):
    """A PostgreSQL database of Dagster's own."""

    type: Literal["postgres"] = Field(description="PostgreSQL.")
    host: Setting = Field(description="Host name or address.")
    port: Port = Field(default=5432, description="TCP port.")
    user: Setting = Field(description="Role that logs in.")
    password: Secret | None = Field(default=None, description="The role's password.")
    database: Setting = Field(description="Database.")


class Schedule(Strict):
    """A run at fixed times."""

    name: Name = Field(description="Name of the schedule.")
    cron: Cron = Field(description="Minute, hour, day of month, month, day of week; or @hourly, @daily, and so on.")
    timezone: Timezone = Field(default="UTC", description="IANA time zone, such as America/New_York.")
    select: tuple[Selector, ...] = Field(default=(), description="dbt selection; everything unless given.")
    exclude: tuple[Selector, ...] = Field(default=(), description="dbt selection that is left out.")
    target: Name | None = Field(default=None, description="Target; the default one unless given.")


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


Sensor = Annotated[
    RunStatusSensor | FileArrivalSensor | FreshnessSensor,
    OneOf("type", run_status=RunStatusSensor, file_arrival=FileArrivalSensor, freshness=FreshnessSensor),
]


class Orchestration(Strict):
    """When the pipeline runs, and where Dagster keeps its state."""

    metadata: Annotated[
        SqliteMetadata | PostgresMetadata, OneOf("type", sqlite=SqliteMetadata, postgres=PostgresMetadata)
    ] = Field(
        default_factory=lambda: SqliteMetadata.model_construct(type="sqlite"),
        description="Where Dagster keeps its state.",
    )
    schedules: tuple[Schedule, ...] = Field(default=(), description="Runs at fixed times.")
    sensors: tuple[Sensor, ...] = Field(default=(), description="Runs that something sets off.")


class Traces(Strict):
    """OpenTelemetry over OTLP."""

    endpoint: Url = Field(description="Address of the collector, such as http://collector:4317.")
    protocol: Literal["grpc", "http"] = Field(default="grpc", description="OTLP over gRPC, or over HTTP (protobuf).")
    headers: dict[Name, Secret] = Field(default={}, description="Headers of each request, such as authorization.")


class HttpLineage(Strict):
    """OpenLineage over HTTP."""

    type: Literal["http"] = Field(description="Over HTTP.")
    url: Url = Field(description="Address of the server.")
    endpoint: Line = Field(default="api/v1/lineage", description="Path below the address.")
    api_key: Secret | None = Field(default=None, description="Bearer token.")
    namespace: Line | None = Field(default=None, description="Namespace of jobs; floe.yaml's name unless given.")


class FileLineage(Strict):
    """OpenLineage into a file."""

    type: Literal["file"] = Field(description="Into a file, one event a line.")
    path: StatePath = Field(description="The file, under /var/lib/floe.")
    namespace: Line | None = Field(default=None, description="Namespace of jobs; floe.yaml's name unless given.")


class ConsoleLineage(Strict):
    """OpenLineage into the log."""

    type: Literal["console"] = Field(description="Into the log.")
    namespace: Line | None = Field(default=None, description="Namespace of jobs; floe.yaml's name unless given.")


_LINEAGE = OneOf("type", http=HttpLineage, file=FileLineage, console=ConsoleLineage)


def _traces(value: Any) -> Any:
    return value if value == "off" or isinstance(value, Traces) else Traces.model_validate(_mapping(value))


def _lineage(value: Any) -> Any:
    return value if value == "off" else _LINEAGE.read(_mapping(value))


def _mapping(value: object) -> object:
    if isinstance(value, (dict, Strict)):
        return value
    raise PydanticCustomError("off_or_mapping", "must be off, or a mapping that names an endpoint")


class Observability(Strict):
    """Who is told what the pipeline does; nobody, unless an endpoint is named here."""

    traces: Annotated[Literal["off"] | Traces, BeforeValidator(_traces)] = Field(
        default="off", description="OpenTelemetry: off, or an endpoint."
    )
    lineage: Annotated[
        Literal["off"] | Annotated[HttpLineage | FileLineage | ConsoleLineage, _LINEAGE], BeforeValidator(_lineage)
    ] = Field(default="off", description="OpenLineage: off, or where events go.")
