"""Spec and lock → CompiledArtifacts, the document that the image carries at ``/opt/floe/artifacts.json``."""

from __future__ import annotations

from pydantic import BaseModel

from floe_images.artifacts.codec import encode
from floe_images.artifacts.model import (
    CompiledArtifacts,
    DataArtifact,
    DuckDBArtifact,
    Reference,
    Setting,
    Settings,
    TargetArtifact,
    TransformArtifact,
)
from floe_images.lock.model import Lock
from floe_images.spec.model import Spec
from floe_images.spec.values import DATA_FOLDER, EnvRef, SecretRef

_EXTENSION = "duckdb-extension-"
_ORDER = ("httpfs", "avro", "iceberg")  # loading iceberg needs the two before it


def render_artifacts(spec: Spec, lock: Lock) -> bytes:
    """Canonical JSON; the same spec and lock give the same bytes. Only what running depends on is in it."""
    return encode(compile_artifacts(spec, lock))


def compile_artifacts(spec: Spec, lock: Lock) -> CompiledArtifacts:
    """References to secrets stay references; paths become relative to ``/opt/floe``."""
    locked = {wheel.name: wheel.version for wheel in lock.wheels}
    named = ("dbt-core", "duckdb", *(f"dbt-{adapter}" for adapter in spec.adapters))
    return CompiledArtifacts(
        name=spec.name,
        adapters=tuple(sorted(spec.adapters)),
        targets=tuple(
            TargetArtifact(name=name, adapter=target.adapter, settings=_settings(target, leave_out=("adapter",)))
            for name, target in sorted(spec.targets.items())
        ),
        default_target=spec.default_target,
        transforms=tuple(TransformArtifact(type="dbt", path=f"project/{item.path}") for item in spec.transforms),
        data=tuple(
            DataArtifact(name=item.name, path=f"data/{item.place.removeprefix(DATA_FOLDER + '/')}")
            for item in sorted(spec.data, key=lambda item: item.name)
        ),
        duckdb=_duckdb(locked),
        versions=tuple((name, locked[name]) for name in sorted(named) if name in locked),
    )


def _duckdb(locked: dict[str, str]) -> DuckDBArtifact | None:
    if "duckdb" not in locked:
        return None
    extensions = {name.removeprefix(_EXTENSION) for name in locked if name.startswith(_EXTENSION)}
    first = tuple(name for name in _ORDER if name in extensions)
    return DuckDBArtifact(
        version=locked["duckdb"], directory="duckdb", extensions=(*first, *sorted(extensions - set(first)))
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
    if isinstance(value, tuple | list):
        return tuple(_setting(item) for item in value)
    if isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"a setting cannot be {type(value).__name__}")
