"""`floe validate` and `floe schema`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from floe_images.spec.schema import schema_text
from tests.unit.cli.test_main import floe

EXAMPLE = Path(__file__).parents[3] / "examples" / "flights"
BAD = 'version: "1.0"\nname: x\nimage: {python: 3.11}\nadapters: [duckdb]\n' + (
    "targets: {d: {adapter: duckdb, path: /tmp/x, pasword: hunter2}}\ndefault_target: d\n"
    "transforms: [{type: dbt, path: t}]\n"
)


@pytest.fixture
def bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "floe.yaml").write_text(BAD)
    return tmp_path


def test_the_example_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLE)
    sentence = "floe.yaml is valid: flights for linux/amd64, linux/arm64, adapters duckdb, targets dev\n"
    assert floe("validate") == (0, sentence, "")
    answer = {"file": "floe.yaml", "valid": True, "name": "flights", "findings": []}
    assert json.loads(floe("validate", "--json").out) == answer


def test_findings(bad: Path) -> None:
    assert floe("validate") == (
        3,
        "",
        'floe.yaml:3:17: image.python: is a number here, and must be a text in quotes (write python: "3.11")\n'
        "floe.yaml:5:46: targets.d.pasword: is not a key here "
        "(one of: threads, adapter, path, schema, catalog, memory_limit)\n"
        "error: floe.yaml has 2 findings\n",
    )


def test_findings_as_json(bad: Path) -> None:
    outcome = floe("validate", "--json")
    assert (outcome.code, outcome.err) == (3, "")
    answer = json.loads(outcome.out)
    assert (answer["valid"], answer["name"], len(answer["findings"])) == (False, None, 2)
    assert answer["findings"][0] == {
        "file": "floe.yaml",
        "line": 3,
        "column": 17,
        "path": "image.python",
        "message": "is a number here, and must be a text in quotes",
        "hint": 'write python: "3.11"',
    }


def test_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    hint = "hint: `floe init` writes one; --file names another\n"
    assert floe("validate") == (2, "", f"error: there is no floe.yaml\n{hint}")
    assert floe("validate", "-f", "x.yaml") == (2, "", f"error: there is no x.yaml\n{hint}")


def test_schema() -> None:
    assert floe("schema") == (0, schema_text(), "")
