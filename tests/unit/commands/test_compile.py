"""`floe compile`: floe.yaml and floe.lock → .floe/artifacts.json; and the schema of that document."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from floe_images.artifacts.codec import decode
from floe_images.artifacts.model import Reference
from floe_images.lock.codec import write_lock
from floe_images.lock.stale import inputs_digest
from floe_images.spec.load import load_spec
from tests.unit.cli.test_main import floe
from tests.unit.lock.sample import sample

ROOT = Path(__file__).parents[3]
YAML = """\
version: "1.0"
name: small
adapters: [postgres]
targets:
  dev: {adapter: postgres, host: h, user: u, password: {secret: pw}, database: d}
default_target: dev
transforms: [{type: dbt, path: transform}]
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    lock_for(tmp_path, YAML)
    return tmp_path


def lock_for(folder: Path, text: str) -> None:
    (folder / "floe.yaml").write_text(text)
    inputs = inputs_digest(load_spec(folder / "floe.yaml").spec)
    (folder / "floe.lock").write_bytes(write_lock(dataclasses.replace(sample(), inputs=inputs)))


def test_the_document_is_written_and_its_path_is_the_result(project: Path) -> None:
    assert floe("compile") == (0, ".floe/artifacts.json\n", "")
    artifacts = decode((project / ".floe" / "artifacts.json").read_bytes(), where="artifacts.json")
    assert artifacts.name == "small"
    assert artifacts.targets[0].settings.get("password") == Reference(kind="secret", name="pw")


def test_a_file_that_is_the_same_is_left_alone(project: Path) -> None:
    path = project / ".floe" / "artifacts.json"
    first = json.loads(floe("compile", "--json").out)
    os.utime(path, (1, 1))
    second = json.loads(floe("compile", "--json").out)
    assert (first["written"], second["written"]) == (True, False)
    assert first["sha256"] == second["sha256"]
    assert path.stat().st_mtime == 1
    lock_for(project, YAML.replace("name: small", "name: other"))
    assert json.loads(floe("compile", "--json").out)["sha256"] != first["sha256"]
    assert path.stat().st_mtime != 1


def test_nothing_is_written_for_a_lock_that_is_missing_or_stale(project: Path) -> None:
    (project / "floe.yaml").write_text(YAML.replace("[postgres]", "[postgres, redshift]"))
    assert floe("compile").code == 11
    (project / "floe.lock").unlink()
    assert floe("compile").code == 10
    assert not (project / ".floe").exists()


def test_a_file_in_the_way_of_the_folder(project: Path) -> None:
    (project / ".floe").touch()
    assert floe("compile") == (
        51, "", "error: .floe: is in the way: floe keeps a folder .floe there\nhint: move it away\n",
    )  # fmt: skip


def test_the_published_schema_is_the_one_that_is_printed() -> None:
    published = (ROOT / "docs" / "reference" / "artifacts.schema.json").read_text("utf-8")
    assert floe("schema", "--artifacts") == (0, published, "")
