"""Frozen dataclasses ↔ plain JSON values, strictly: one reader, one writer and one schema for all of `model`."""

from __future__ import annotations

import dataclasses
import functools
import re
import types
import typing
from typing import Any, Literal

from floe_images.artifacts.model import HomePath, Reference, Setting, Settings

_REFERABLE = "[A-Za-z0-9_][A-Za-z0-9_.-]*"  # the name of a file in a folder, and no way out of it
_HOME_PATH = r"(?!/)(?!(?:.*/)?\.\.(?:/|$)).+"


def plain(value: object) -> object:
    """``value`` as JSON: dataclasses and Settings are mappings, tuples lists, references ``{"$ref": {kind: name}}``."""
    if isinstance(value, Reference):
        return {"$ref": {value.kind: value.name}}
    if isinstance(value, Settings):
        return {key: plain(item) for key, item in value.items}
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def read(kind: Any, document: object, path: str = "") -> Any:
    """The value of type ``kind`` that ``plain`` made ``document`` of. Raise ValueError naming the place in it."""
    if dataclasses.is_dataclass(kind) and kind is not Settings:
        return _dataclass(kind, document, path)
    if kind is Settings:
        if not isinstance(document, dict) or "$ref" in document:
            raise ValueError(f"{_named(path)} is not a mapping")
        return _setting(document, path)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        if not isinstance(document, list):
            raise ValueError(f"{_named(path)} is not a list")
        return tuple(read(arguments[0], item, f"{path}[{index}]") for index, item in enumerate(document))
    if origin in (types.UnionType, typing.Union):
        (inner,) = (each for each in arguments if each is not types.NoneType)
        return None if document is None else read(inner, document, path)
    if origin is Literal:
        if document not in arguments:
            raise ValueError(f"{_named(path)} is not one of {', '.join(arguments)}")
        return document
    if kind is HomePath:
        if not isinstance(document, str) or not re.fullmatch(_HOME_PATH, document):
            raise ValueError(f"{_named(path)} is not a path below the root")
        return HomePath(document)
    if type(document) is not kind:
        raise ValueError(f"{_named(path)} is not of type {kind.__name__}")
    return document


def schema(kind: Any) -> dict[str, Any]:
    """JSON Schema (2020-12) of exactly the documents that `read` takes, with definitions by class name."""
    definitions: dict[str, Any] = {}
    reference = _schema(kind, definitions)
    return {**reference, "$defs": dict(sorted(definitions.items()))}


def _dataclass(kind: Any, document: object, path: str) -> Any:
    if not isinstance(document, dict):
        raise ValueError(f"{_named(path)} is not a mapping")
    hints = _hints(kind)
    odd = sorted(document.keys() ^ hints.keys())
    if odd:
        raise ValueError(f"missing or unknown keys{f' in {path}' if path else ''}: {', '.join(odd)}")
    return kind(
        **{name: read(hint, document[name], f"{path}.{name}" if path else name) for name, hint in hints.items()}
    )


def _setting(value: object, path: str) -> Setting:
    if isinstance(value, dict):
        if "$ref" not in value:
            return Settings(tuple((key, _setting(item, f"{path}.{key}")) for key, item in sorted(value.items())))
        target = value["$ref"]
        if len(value) == 1 and isinstance(target, dict) and len(target) == 1:
            ((kind, name),) = target.items()
            if kind in ("secret", "env") and isinstance(name, str) and re.fullmatch(_REFERABLE, name):
                return Reference(kind=kind, name=name)
        raise ValueError(f"{_named(path)} is not a reference to a secret or a variable")
    if isinstance(value, list):
        return tuple(_setting(item, f"{path}[{index}]") for index, item in enumerate(value))
    if isinstance(value, str | int | float | bool):
        return value
    raise ValueError(f"{_named(path)} cannot be {value!r}")


def _schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if kind is Settings or (dataclasses.is_dataclass(kind) and isinstance(kind, type)):
        name = kind.__name__
        if name not in definitions:
            definitions[name] = {}  # a place first: Settings hold settings
            definitions[name] = _settings_schema(definitions) if kind is Settings else _object(kind, definitions)
        return {"$ref": f"#/$defs/{name}"}
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return {"type": "array", "items": _schema(arguments[0], definitions)}
    if origin in (types.UnionType, typing.Union):
        inner = [_schema(each, definitions) for each in arguments if each is not types.NoneType]
        return {"anyOf": [*inner, {"type": "null"}]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if kind is HomePath:
        return {"type": "string", "pattern": f"^{_HOME_PATH}$"}
    return {"type": {str: "string", int: "integer"}[kind]}


def _object(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    hints = _hints(kind)
    return {
        "type": "object",
        "description": " ".join((kind.__doc__ or "").split()),
        "properties": {name: _schema(hint, definitions) for name, hint in hints.items()},
        "required": list(hints),
        "additionalProperties": False,
    }


def _settings_schema(definitions: dict[str, Any]) -> dict[str, Any]:
    setting = {"$ref": "#/$defs/Setting"}
    one_name = {"type": "string", "pattern": f"^{_REFERABLE}$"}
    definitions["Reference"] = {
        "type": "object",
        "description": " ".join((Reference.__doc__ or "").split()),
        "properties": {
            "$ref": {
                "type": "object",
                "properties": {"secret": one_name, "env": one_name},
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": False,
            }
        },
        "required": ["$ref"],
        "additionalProperties": False,
    }
    definitions["Setting"] = {
        "anyOf": [
            {"type": ["string", "number", "boolean"]},
            {"$ref": "#/$defs/Reference"},
            {"$ref": "#/$defs/Settings"},
            {"type": "array", "items": setting},
        ]
    }
    return {
        "type": "object",
        "description": " ".join((Settings.__doc__ or "").split()),
        "properties": {"$ref": False},
        "additionalProperties": setting,
    }


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _named(path: str) -> str:
    return path or "the document"
