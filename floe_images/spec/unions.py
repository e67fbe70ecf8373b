"""Models that are imported and built only where a floe.yaml has them: most of what loading costs is building them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema


def one_of(key: str, **models: str) -> Any:
    """The type of a union whose models are told apart by the word at ``key``; they are ``module:Class`` of `spec/`."""
    return Annotated[Any, OneOf(key, models)]


def part(model: str) -> Any:
    """The type of one model, ``module:Class`` of `spec/`."""
    return Annotated[Any, Part(model)]


def off_or(kind: Any) -> Any:
    """The type of what is the word ``off`` or else ``kind``, which is of ``one_of`` or ``part``."""
    (union,) = kind.__metadata__
    return Annotated[Any, OffOr(union)]


class Part:
    """Validates with a model that is looked up when there is something to validate."""

    def __init__(self, name: str) -> None:
        self.name = name

    def pick(self, data: dict[str, Any]) -> type[BaseModel]:  # noqa: ARG002  a union needs the data to pick
        return _find(self.name)

    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def read(self, value: object) -> object:
        if isinstance(value, BaseModel) and type(value) in map(_find, self.names()):
            return value
        if not isinstance(value, dict):
            raise PydanticCustomError("dict_type", "must be a mapping")
        # A ValidationError that leaves a validator is taken apart by pydantic: its errors keep their places.
        return self.pick(value).model_validate(value)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        models = [_find(name) for name in self.names()]
        for model in models:
            model.model_rebuild()
        return {"oneOf": [handler(model.__pydantic_core_schema__) for model in models]}


class OneOf(Part):
    """Picks the model by the word at a key."""

    def __init__(self, key: str, models: dict[str, str]) -> None:
        self.key = key
        self.models = models

    def pick(self, data: dict[str, Any]) -> type[BaseModel]:
        word = data.get(self.key)
        if isinstance(word, str) and word in self.models:
            return _find(self.models[word])
        problem = "wrong_word" if self.key in data else "missing_word"
        raise PydanticCustomError(problem, "{key}", {"key": self.key, "words": tuple(self.models)})

    def names(self) -> tuple[str, ...]:
        return tuple(self.models.values())


class OffOr(Part):
    """The word ``off``, or else what another union reads."""

    def __init__(self, union: Part) -> None:
        self.union = union

    def pick(self, data: dict[str, Any]) -> type[BaseModel]:
        return self.union.pick(data)

    def names(self) -> tuple[str, ...]:
        return self.union.names()

    def read(self, value: object) -> object:
        if value == "off":
            return value
        if not isinstance(value, (dict, BaseModel)):
            raise PydanticCustomError("off_or_mapping", "must be off, or a mapping that names an endpoint")
        return super().read(value)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        ways: list[Any] = super().__get_pydantic_json_schema__(schema, handler)["oneOf"]
        return {"oneOf": [{"const": "off", "type": "string"}, *ways]}


def _find(name: str) -> type[BaseModel]:
    module, _, model = name.partition(":")
    found: type[BaseModel] = getattr(importlib.import_module(f"floe_images.spec.{module}"), model)
    return found
