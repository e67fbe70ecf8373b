"""CompiledArtifacts as bytes: the same value is the same file, and nothing else is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from floe_images.artifacts.codec import decode, encode
from floe_images.artifacts.model import (
    CompiledArtifacts,
    DataArtifact,
    DuckDBArtifact,
    Reference,
    Settings,
    TargetArtifact,
    TransformArtifact,
)
from floe_images.errors import ProjectError

ARTIFACTS = CompiledArtifacts(
    name="flights",
    adapters=("duckdb", "postgres"),
    targets=(
        TargetArtifact(name="dev", adapter="duckdb", settings=Settings((("path", "/var/lib/floe/a.duckdb"),))),
        TargetArtifact(
            name="prod",
            adapter="postgres",
            settings=Settings(
                (
                    ("host", Reference(kind="env", name="PGHOST")),
                    ("more", Settings((("list", (1, 2.5, True, "é")),))),
                    ("password", Reference(kind="secret", name="warehouse_password")),
                )
            ),
        ),
    ),
    default_target="dev",
    transforms=(TransformArtifact(type="dbt", path="project/transform"),),
    data=(DataArtifact(name="flights", path="data/flights.csv"),),
    duckdb=DuckDBArtifact(version="1.5.5", directory="duckdb", extensions=("httpfs", "avro")),
    versions=(("dbt-core", "1.11.16"),),
)


def test_bytes_are_read_back_as_the_same_value() -> None:
    assert decode(encode(ARTIFACTS), where="a.json") == ARTIFACTS


def test_the_bytes_are_canonical() -> None:
    data = encode(ARTIFACTS)
    assert data == (json.dumps(json.loads(data), sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()
    assert json.loads(data)["targets"]["prod"]["settings"]["password"] == {"$ref": {"secret": "warehouse_password"}}


def _with(**changes: Any) -> bytes:
    return json.dumps({**json.loads(encode(ARTIFACTS)), **changes}).encode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "version None"),
        (_with(version=2), "version 2"),
        (_with(surprise=1), "surprise"),
        (_with(name=1), "text expected"),
        (_with(targets=[]), "items"),
        (_with(targets={"dev": {"adapter": "duckdb"}}), "in targets.dev: settings"),
        (_with(transforms=[{"type": "spark", "path": "a"}]), "spark"),
        (_with(transforms=[{"type": "dbt", "path": "../a"}]), "below the root"),
        (_with(data={"a": "/etc/passwd"}), "below the root"),
        (_with(duckdb={"version": "1"}), "in duckdb: directory, extensions"),
    ],
)
def test_whatever_is_not_artifacts_is_refused_in_one_line(data: bytes, words: str) -> None:
    with pytest.raises(ProjectError) as caught:
        decode(data, where="a.json")
    assert words in str(caught.value)
    assert str(caught.value).startswith("a.json: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../shadow", "a/b", ".hidden", ""])
def test_a_reference_cannot_lead_out_of_the_folder_of_secrets(name: str) -> None:
    settings = {"password": {"$ref": {"secret": name}}}
    with pytest.raises(ProjectError, match="not a reference"):
        decode(_with(targets={"dev": {"adapter": "postgres", "settings": settings}}), where="a.json")
