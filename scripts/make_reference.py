"""Write docs/reference/floe-yaml.md out of the JSON Schema, and so out of the model.

    python scripts/make_reference.py [--check]

``--check`` writes nothing and ends with 1 where the page is not what the model says.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from floe_images.spec.schema import make_schema

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "floe-yaml.md"

HEAD = """\
# floe.yaml 1.0

*Made by `scripts/make_reference.py` out of the model; `floe schema` prints the same as JSON Schema.*

floe.yaml is YAML 1.2 core: `off`, `no` and `on` are texts. Duplicate keys, anchors, aliases and tags are refused, and
so is every key that is not on this page. A secret is only ever `{env: NAME}` or `{secret: name}`. Paths are relative to
the file. `floe validate` shows all findings at once, each with its line, its column and what to do.

"""


def make_page() -> str:
    schema = make_schema()
    definitions = schema["$defs"]
    order: list[str] = []
    _collect(schema, definitions, order)
    sections = [_section("The file", schema, definitions, level=2)]
    sections += [_section(name, definitions[name], definitions, level=2) for name in order]
    return HEAD + "\n".join(sections)


def _collect(value: Any, definitions: dict[str, Any], order: list[str]) -> None:
    """Names of definitions in the order in which a reader meets them."""
    for name in _references(value):
        if name not in order and not _is_reference_to_a_value(name):
            order.append(name)
            _collect(definitions[name], definitions, order)


def _references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [name for item in value for name in _references(item)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"].rpartition("/")[2]] if "$ref" in value else []
    return own + [name for key, item in value.items() if key != "$defs" for name in _references(item)]


def _is_reference_to_a_value(name: str) -> bool:
    return name in ("EnvRef", "SecretRef")


def _section(name: str, schema: dict[str, Any], definitions: dict[str, Any], *, level: int) -> str:
    lines = [f"{'#' * level} {name}", "", schema["description"], ""]
    lines += ["| key | value | default | |", "|---|---|---|---|"]
    required = schema.get("required", [])
    for key, field in schema["properties"].items():
        default = "**required**" if key in required else _default(field)
        text = field.get("description") or definitions[field["$ref"].rpartition("/")[2]]["description"]
        lines.append(f"| `{key}` | {_kind(field, definitions)} | {default} | {_cell(text)} |")
    return "\n".join([*lines, ""])


def _default(field: dict[str, Any]) -> str:
    if field.get("default") is None:
        return ""
    return f"`{json.dumps(field['default'], ensure_ascii=False)}`"


def _kind(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    """What may stand there, in words; models are links."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        if _is_reference_to_a_value(name):
            return "`{env: NAME}`" if name == "EnvRef" else "`{secret: name}`"
        return f"[{name}](#{name.lower()})"
    if "const" in field:
        word = field["const"]
        return f'`"{word}"`' if word[0].isdigit() else f"`{word}`"
    if "enum" in field:
        return " ".join(f"`{word}`" for word in field["enum"])
    for way in ("anyOf", "oneOf"):
        if way in field:
            kinds = [_kind(one, definitions) for one in field[way] if one.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    if field.get("type") == "array":
        return f"list of {_kind(field['items'], definitions)}"
    if field.get("type") == "object":
        (inner,) = field["patternProperties"].values()
        return f"names, each with {_kind(inner, definitions)}"
    return {"string": "text", "integer": "number", "boolean": "`true` or `false`"}[field["type"]]


def _cell(text: str) -> str:
    return " ".join(text.replace("``", "`").replace("|", "\\|").split())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where the page is not current")
    check = parser.parse_args().check
    page = make_page()
    if not check:
        PAGE.write_text(page, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page:
        return 0
    print(f"{PAGE.name} is not what the model says: run python scripts/make_reference.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
