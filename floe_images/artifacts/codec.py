"""CompiledArtifacts as canonical JSON: equal values are equal bytes, and whatever is not exactly one is refused."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from floe_images.artifacts.model import (
    ARTIFACTS_VERSION,
    CompiledArtifacts,
    DataArtifact,
    DuckDBArtifact,
    Reference,
    Setting,
    Settings,
    TargetArtifact,
    TransformArtifact,
)
from floe_images.errors import ProjectError

_REFERABLE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")  # the name of a file in a folder, and no way out of it


def encode(artifacts: CompiledArtifacts) -> bytes:
    """UTF-8, sorted keys, two spaces, a final newline."""
    document = {
        "version": ARTIFACTS_VERSION,
        "name": artifacts.name,
        "adapters": list(artifacts.adapters),
        "targets": {
            target.name: {"adapter": target.adapter, "settings": _plain(target.settings)}
            for target in artifacts.targets
        },
        "default_target": artifacts.default_target,
        "transforms": [{"type": transform.type, "path": transform.path} for transform in artifacts.transforms],
        "data": {data.name: data.path for data in artifacts.data},
        "duckdb": artifacts.duckdb
        and {
            "version": artifacts.duckdb.version,
            "directory": artifacts.duckdb.directory,
            "extensions": list(artifacts.duckdb.extensions),
        },
        "versions": dict(artifacts.versions),
    }
    return (json.dumps(document, ensure_ascii=False, sort_keys=True, indent=2) + "\n").encode()


def decode(data: bytes, *, where: str) -> CompiledArtifacts:
    """The value of ``encode``'s bytes. Raise ProjectError naming ``where`` for anything else."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        _refuse(where, "not JSON")
    version = document.get("version") if isinstance(document, dict) else None
    if version != ARTIFACTS_VERSION:
        raise ProjectError(
            f"artifacts of version {version!r} cannot be read: this runtime reads version {ARTIFACTS_VERSION}",
            where=where,
            hint="build the image again: runtime and artifacts come from the same floe",
        )
    try:
        return _decode(document)
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        _refuse(where, str(fault) or type(fault).__name__)


def _decode(document: dict[str, Any]) -> CompiledArtifacts:
    _keys(document, CompiledArtifacts.__annotations__.keys() | {"version"}, "")
    return CompiledArtifacts(
        name=_text(document["name"]),
        adapters=_texts(document["adapters"]),
        targets=tuple(_target(name, target) for name, target in sorted(document["targets"].items())),
        default_target=_text(document["default_target"]),
        transforms=tuple(_transform(transform) for transform in document["transforms"]),
        data=tuple(DataArtifact(name=name, path=_path(path)) for name, path in sorted(document["data"].items())),
        duckdb=None if document["duckdb"] is None else _duckdb(document["duckdb"]),
        versions=tuple((name, _text(version)) for name, version in sorted(document["versions"].items())),
    )


def _target(name: str, document: dict[str, Any]) -> TargetArtifact:
    _keys(document, {"adapter", "settings"}, f"targets.{name}")
    settings = _setting(document["settings"])
    if not isinstance(settings, Settings):
        raise ValueError(f"targets.{name}.settings is not a mapping")
    return TargetArtifact(name=name, adapter=_text(document["adapter"]), settings=settings)


def _transform(document: dict[str, Any]) -> TransformArtifact:
    _keys(document, {"type", "path"}, "transforms")
    if document["type"] != "dbt":
        raise ValueError(f"unknown transform type {document['type']!r}")
    return TransformArtifact(type="dbt", path=_path(document["path"]))


def _duckdb(document: dict[str, Any]) -> DuckDBArtifact:
    _keys(document, {"version", "directory", "extensions"}, "duckdb")
    return DuckDBArtifact(
        version=_text(document["version"]),
        directory=_path(document["directory"]),
        extensions=_texts(document["extensions"]),
    )


def _plain(value: Setting) -> object:
    if isinstance(value, Reference):
        return {"$ref": {value.kind: value.name}}
    if isinstance(value, Settings):
        return {key: _plain(item) for key, item in value.items}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _setting(value: object) -> Setting:
    if isinstance(value, dict):
        if "$ref" not in value:
            return Settings(tuple((key, _setting(item)) for key, item in sorted(value.items())))
        (kind, name), *more = value["$ref"].items()
        if kind not in ("secret", "env") or more or len(value) != 1 or not _REFERABLE.fullmatch(_text(name)):
            raise ValueError("not a reference to a secret or a variable")
        return Reference(kind=kind, name=name)
    if isinstance(value, list):
        return tuple(_setting(item) for item in value)
    if isinstance(value, str | int | float | bool):
        return value
    raise ValueError(f"a setting cannot be {value!r}")


def _keys(document: object, expected: set[str], path: str) -> None:
    if not isinstance(document, dict):
        raise ValueError(f"{path or 'the document'} is not a mapping")
    odd = sorted(document.keys() ^ expected)
    if odd:
        raise ValueError(f"missing or unknown keys{f' in {path}' if path else ''}: {', '.join(odd)}")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"text expected instead of {value!r}")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"a list expected instead of {value!r}")
    return tuple(_text(item) for item in value)


def _path(value: object) -> str:
    text = _text(value)
    if text.startswith("/") or ".." in text.split("/"):
        raise ValueError(f"a path below the root expected instead of {text!r}")
    return text


def _refuse(where: str, why: str) -> NoReturn:
    raise ProjectError(
        f"these are not floe's artifacts: {why}", where=where, hint="floe build writes them; do not edit them"
    )
