"""The compiled artifacts as values: what the runtime has to know, and no secret.

`shape` reads them from JSON, writes them, and makes the JSON Schema out of these very classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NewType, TypeAlias

ARTIFACTS_VERSION = 4

#: A path below FLOE_HOME (``/opt/floe``): no leading slash, no ``..``.
HomePath = NewType("HomePath", str)


@dataclass(frozen=True, kw_only=True, order=True)
class Reference:
    """A value that is only known where the image runs: a mounted secret, or a variable of the environment.

    ``kind`` is ``secret`` or ``env``; ``name`` is the secret's or the variable's name.
    """

    kind: Literal["secret", "env"]
    name: str


@dataclass(frozen=True)
class Settings:
    """A mapping as a frozen value, sorted by key."""

    items: tuple[tuple[str, Setting], ...] = ()

    def get(self, key: str) -> Setting | None:
        return dict(self.items).get(key)


Setting: TypeAlias = "str | int | float | bool | Reference | Settings | tuple[Setting, ...]"


@dataclass(frozen=True, kw_only=True)
class TargetArtifact:
    """One target of floe.yaml. ``settings`` are its keys but ``adapter``, in floe.yaml's words."""

    name: str
    adapter: str
    settings: Settings


@dataclass(frozen=True, kw_only=True)
class CatalogArtifact:
    """One Iceberg catalog of floe.yaml. ``settings`` are its keys but ``type``, in floe.yaml's words."""

    name: str
    type: Literal["polaris", "rest", "hive", "glue", "local"]
    settings: Settings


@dataclass(frozen=True, kw_only=True)
class TransformArtifact:
    """One dbt project. ``path`` is ``project/…``."""

    type: Literal["dbt"]
    path: HomePath


@dataclass(frozen=True, kw_only=True)
class ExportArtifact:
    """What a dbt node has made, written as an Iceberg table into a catalog. ``model`` is the node's name in dbt.

    ``partition_by`` is in dbt's words: ``column``, ``month(column)``, ``bucket(16, column)``.
    """

    model: str
    catalog: str
    namespace: str
    table: str
    partition_by: tuple[str, ...]

    @property
    def unique_id(self) -> str:
        return f"export.{self.catalog}.{self.namespace}.{self.table}"


@dataclass(frozen=True, kw_only=True)
class DataArtifact:
    """One data file. ``path`` is ``data/…``."""

    name: str
    path: HomePath


@dataclass(frozen=True, kw_only=True)
class DuckDBArtifact:
    """``extensions`` are loadable by name from ``directory`` at DuckDB ``version``."""

    version: str
    directory: HomePath
    extensions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ScheduleArtifact:
    """A run at fixed times. ``select`` and ``exclude`` are dbt selections; ``target`` None: the default one."""

    name: str
    cron: str
    timezone: str
    select: tuple[str, ...]
    exclude: tuple[str, ...]
    target: str | None


@dataclass(frozen=True, kw_only=True)
class SensorArtifact:
    """A run that something sets off. ``interval`` in seconds; ``settings`` are the type's own keys of floe.yaml."""

    name: str
    type: Literal["run_status", "file_arrival", "freshness"]
    interval: int
    select: tuple[str, ...]
    target: str | None
    settings: Settings


@dataclass(frozen=True, kw_only=True)
class MaintenanceArtifact:
    """When Iceberg tables are looked after. ``catalogs`` empty: all; ``keep`` and ``orphans`` in seconds."""

    cron: str
    timezone: str
    catalogs: tuple[str, ...]
    keep: int
    keep_last: int
    orphans: int


@dataclass(frozen=True, kw_only=True)
class OrchestrationArtifact:
    """``metadata`` has ``type`` (``sqlite`` or ``postgres``) and floe.yaml's other keys of it."""

    metadata: Settings
    schedules: tuple[ScheduleArtifact, ...]
    sensors: tuple[SensorArtifact, ...]
    maintenance: MaintenanceArtifact | None = None


@dataclass(frozen=True, kw_only=True)
class ObservabilityArtifact:
    """floe.yaml's keys of ``traces`` and of ``lineage``; None is off."""

    traces: Settings | None
    lineage: Settings | None


@dataclass(frozen=True, kw_only=True)
class CompiledArtifacts:
    """``versions``: the locked version of each package that the runtime itself works with, by normalized name."""

    name: str
    adapters: tuple[str, ...]
    targets: tuple[TargetArtifact, ...]
    default_target: str
    catalogs: tuple[CatalogArtifact, ...] = ()
    transforms: tuple[TransformArtifact, ...]
    exports: tuple[ExportArtifact, ...] = ()
    data: tuple[DataArtifact, ...]
    duckdb: DuckDBArtifact | None
    orchestration: OrchestrationArtifact
    observability: ObservabilityArtifact
    versions: Settings

    def target(self, name: str) -> TargetArtifact | None:
        return next((target for target in self.targets if target.name == name), None)

    def catalog(self, name: str) -> CatalogArtifact | None:
        return next((catalog for catalog in self.catalogs if catalog.name == name), None)
