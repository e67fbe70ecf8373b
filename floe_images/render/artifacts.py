"""Spec and lock → CompiledArtifacts, the document that the image carries at ``/opt/floe/artifacts.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

from floe_images.artifacts.codec import encode
from floe_images.artifacts.model import (
    CatalogArtifact,
    CompiledArtifacts,
    DataArtifact,
    DuckDBArtifact,
    ExportArtifact,
    HomePath,
    MaintenanceArtifact,
    ObservabilityArtifact,
    OrchestrationArtifact,
    Reference,
    ScheduleArtifact,
    SensorArtifact,
    Setting,
    Settings,
    TargetArtifact,
    TransformArtifact,
)
from floe_images.lock.model import Lock
from floe_images.spec.model import Spec
from floe_images.spec.orchestration import Orchestration
from floe_images.spec.values import DATA_FOLDER, EnvRef, SecretRef

if TYPE_CHECKING:
    from floe_images.spec.schedules import Maintenance

_EXTENSION = "duckdb-extension-"
_ORDER = ("httpfs", "avro", "iceberg")  # loading iceberg needs the two before it


def render_artifacts(spec: Spec, lock: Lock) -> bytes:
    """Canonical JSON; the same spec and lock give the same bytes. Only what running depends on is in it."""
    return encode(compile_artifacts(spec, lock))


def compile_artifacts(spec: Spec, lock: Lock | None) -> CompiledArtifacts:
    """References to secrets stay references; paths become relative to ``/opt/floe``. None: versions stay unknown."""
    locked = {wheel.name: wheel.version for wheel in lock.wheels} if lock else {}
    named = ("dbt-core", "duckdb", *(f"dbt-{adapter}" for adapter in spec.adapters))
    return CompiledArtifacts(
        name=spec.name,
        adapters=tuple(sorted(spec.adapters)),
        targets=tuple(
            TargetArtifact(name=name, adapter=target.adapter, settings=_settings(target, leave_out=("adapter",)))
            for name, target in sorted(spec.targets.items())
        ),
        default_target=spec.default_target,
        catalogs=tuple(
            CatalogArtifact(name=name, type=catalog.type, settings=_settings(catalog, leave_out=("type",)))
            for name, catalog in sorted(spec.catalogs.items())
        ),
        transforms=tuple(
            TransformArtifact(type="dbt", path=HomePath(f"project/{item.path}")) for item in spec.transforms
        ),
        exports=tuple(
            sorted(
                (
                    ExportArtifact(
                        model=item.model,
                        catalog=item.catalog,
                        namespace=item.namespace,
                        table=item.table or item.model,
                        partition_by=item.partition_by,
                    )
                    for item in spec.exports
                ),
                key=lambda export: export.unique_id,
            )
        ),
        data=tuple(
            DataArtifact(name=item.name, path=HomePath(f"data/{item.place.removeprefix(DATA_FOLDER + '/')}"))
            for item in sorted(spec.data, key=lambda item: item.name)
        ),
        duckdb=_duckdb(locked),
        orchestration=_orchestration(spec.orchestration),
        observability=ObservabilityArtifact(
            traces=_unless_off(spec.observability.traces), lineage=_unless_off(spec.observability.lineage)
        ),
        versions=Settings(tuple((name, locked[name]) for name in sorted(named) if name in locked)),
    )


def _orchestration(spec: Orchestration) -> OrchestrationArtifact:
    common = ("name", "type", "interval", "select", "target")
    return OrchestrationArtifact(
        metadata=_settings(spec.metadata),
        schedules=tuple(
            ScheduleArtifact(
                name=each.name,
                cron=each.cron,
                timezone=each.timezone,
                select=each.select,
                exclude=each.exclude,
                target=each.target,
            )
            for each in sorted(spec.schedules, key=lambda each: each.name)
        ),
        sensors=tuple(
            SensorArtifact(
                name=each.name,
                type=each.type,
                interval=each.interval,
                select=each.select,
                target=each.target,
                settings=_settings(each, leave_out=common),
            )
            for each in sorted(spec.sensors, key=lambda each: each.name)
        ),
        maintenance=_maintenance(spec.maintenance),
    )


def _maintenance(spec: Maintenance | None) -> MaintenanceArtifact | None:
    if spec is None:
        return None
    return MaintenanceArtifact(
        cron=spec.cron,
        timezone=spec.timezone,
        catalogs=spec.catalogs,
        keep=spec.keep,
        keep_last=spec.keep_last,
        orphans=spec.orphans,
    )


def _unless_off(model: BaseModel | str) -> Settings | None:
    return None if isinstance(model, str) else _settings(model)


def _duckdb(locked: dict[str, str]) -> DuckDBArtifact | None:
    if "duckdb" not in locked:
        return None
    extensions = {name.removeprefix(_EXTENSION) for name in locked if name.startswith(_EXTENSION)}
    first = tuple(name for name in _ORDER if name in extensions)
    return DuckDBArtifact(
        version=locked["duckdb"], directory=HomePath("duckdb"), extensions=(*first, *sorted(extensions - set(first)))
    )


def _settings(model: BaseModel, *, leave_out: tuple[str, ...] = ()) -> Settings:
    items = []
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if name not in leave_out and value is not None:
            items.append((field.alias or name, _setting(value)))
    return Settings(tuple(sorted(items, key=lambda item: item[0])))


def _setting(value: object) -> Setting:
    if isinstance(value, SecretRef):
        return Reference(kind="secret", name=value.secret)
    if isinstance(value, EnvRef):
        return Reference(kind="env", name=value.env)
    if isinstance(value, BaseModel):
        return _settings(value)
    if isinstance(value, dict):
        return Settings(tuple((name, _setting(item)) for name, item in sorted(value.items())))
    if isinstance(value, tuple | list):
        return tuple(_setting(item) for item in value)
    if isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"a setting cannot be {type(value).__name__}")
