"""The JSON Schema says what the loader says, as far as a schema can."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from floe_images.spec import document
from floe_images.spec.schema import make_schema, schema_text

ROOT = Path(__file__).parents[3]
FULL = Path(__file__).parent / "full.yaml"


def plain(path: Path) -> Any:
    """A floe.yaml as JSON values."""
    node, findings = document.parse(path.read_bytes())
    assert node is not None
    assert findings == []
    return json.loads(json.dumps(node.plain()))


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = make_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("path", [FULL, *sorted(ROOT.glob("examples/*/floe.yaml"))], ids=lambda path: path.parent.name)
def test_a_valid_document_fits_the_schema(path: Path, validator: Draft202012Validator) -> None:
    assert [error.message for error in validator.iter_errors(plain(path))] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), "2.0"),
        (("name",), "Flights"),
        (("unknown",), 1),
        (("image", "python"), 3.11),
        (("image", "platforms"), ["linux/riscv64"]),
        (("image", "max_size"), "2 goats"),
        (("image", "mirrors", "python", "password"), "plain"),
        (("targets", "pg", "password"), "plain"),
        (("targets", "pg", "password"), {"env": "A", "secret": "b"}),
        (("targets", "pg", "port"), 70_000),
        (("targets", "my dev"), {"adapter": "duckdb", "path": "/tmp/x"}),
        (("targets", "snow_key", "auth", "method"), "password"),
        (("catalogs", "hive", "uri"), "https://x"),
        (("orchestration", "metadata", "type"), "mysql"),
        (("observability", "traces"), "on"),
        (("observability", "lineage"), {"type": "kafka"}),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else None,
)
def test_a_wrong_value_does_not_fit(path: tuple[str, ...], value: Any, validator: Draft202012Validator) -> None:
    data = plain(FULL)
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert list(validator.iter_errors(data)) != []


def test_the_text_is_the_same_each_time() -> None:
    assert schema_text() == schema_text()
    assert schema_text().endswith("}\n")


def test_no_object_takes_unknown_keys() -> None:
    def objects(value: Any) -> list[Any]:
        inner = [found for item in _items(value) for found in objects(item)]
        return [value, *inner] if isinstance(value, dict) and value.get("type") == "object" else inner

    found = objects(make_schema())
    assert len(found) > 40
    assert [one for one in found if one.get("additionalProperties") is not False] == []


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
