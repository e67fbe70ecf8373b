"""The JSON Schema of floe.yaml (draft 2020-12), made of the model, for editors and for programs."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from floe_images.spec.model import Spec

SCHEMA_FILE = "floe.schema.json"
EDITOR_LINE = f"# yaml-language-server: $schema={SCHEMA_FILE}"


class _Untitled(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  a title would only repeat the key
        return False


def make_schema() -> dict[str, Any]:
    """The schema as plain values; each model is one entry of ``$defs``."""
    made = Spec.model_json_schema(by_alias=True, schema_generator=_Untitled)
    definitions: dict[str, Any] = {}
    for model in made.pop("$defs").values():
        _name_models(model, definitions)
    made.pop("title")
    body = _name_models(made, definitions)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "floe.yaml 1.0"}
    return {**head, **body, "$defs": dict(sorted(definitions.items()))}


def _name_models(value: Any, definitions: dict[str, Any]) -> Any:
    """Put models that stand in the middle of the schema (our unions write them out) into ``definitions``."""
    if isinstance(value, list):
        return [_name_models(item, definitions) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {key: _name_models(item, definitions) for key, item in value.items()}
    if list(inner.get("patternProperties", {})) and "additionalProperties" not in inner:
        inner["additionalProperties"] = False  # names that do not match are findings
    ways = inner.get("oneOf")
    if isinstance(ways, list) and len(ways) == 1:
        inner = {**{key: item for key, item in inner.items() if key != "oneOf"}, **ways[0]}
    title = inner.get("title")
    if not isinstance(title, str) or inner.get("type") != "object":
        return inner
    if definitions.setdefault(title, inner) != inner:
        raise ValueError(f"two models are called {title}")
    return {"$ref": f"#/$defs/{title}"}


def schema_text() -> str:
    """The schema as a file's content: the same bytes each time, one final newline."""
    return json.dumps(make_schema(), indent=2, ensure_ascii=False) + "\n"
