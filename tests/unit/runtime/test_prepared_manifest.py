"""A manifest that was made before it was asked for: taken once, and only where it fits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from floe_images.artifacts.model import Settings, TargetArtifact
from floe_images.runtime.dbt import prebuilt
from floe_images.runtime.dbt.prebuilt import ENVIRONMENT, fingerprint, load_manifest, prepare_manifest

TARGET = TargetArtifact(name="dev", adapter="duckdb", settings=Settings((("path", "/tmp/x"),)))


def load(file: Path, *, dbt: str = "1.11.0", region: str = "eu") -> object:
    environ = {"REGION": region}
    return load_manifest(file, target=TARGET, home=file.parent, environ=environ, dbt_version=dbt)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    read = {"REGION": fingerprint("eu")}
    metadata = {"dbt_version": "1.11.0", "adapter_type": "duckdb", "env": {ENVIRONMENT: json.dumps(read)}}
    (tmp_path / "manifest.json").write_text(json.dumps({"metadata": metadata, "nodes": {}}))
    # dbt is not in this environment: its object is any that is told apart from another.
    monkeypatch.setattr(prebuilt, "to_manifest", lambda document: [document["metadata"]["dbt_version"]])
    return tmp_path / "manifest.json"


def test_it_is_taken_once_and_then_made_again(file: Path) -> None:
    prepare_manifest(file, home=file.parent)
    text = file.read_text()
    file.write_text(text.replace('"nodes"', '"later"').replace("1.11.0", "1.12.0"))
    assert load(file) == ["1.11.0"]
    assert load(file) is None
    assert load(file, dbt="1.12.0") == ["1.12.0"]


def test_one_for_another_environment_or_dbt_is_not_taken(file: Path) -> None:
    prepare_manifest(file, home=file.parent)
    assert load(file, region="us") is None
    prepare_manifest(file, home=file.parent)
    assert load(file, dbt="1.10.0") is None
    assert load(file) == ["1.11.0"]


def test_one_that_cannot_be_made_is_no_fault_before_it_is_asked_for(tmp_path: Path) -> None:
    prepare_manifest(tmp_path / "absent.json", home=tmp_path)
    (tmp_path / "broken.json").write_text("{")
    prepare_manifest(tmp_path / "broken.json", home=tmp_path)
    assert load(tmp_path / "absent.json") is None
