"""CompiledArtifacts as bytes: the same value is the same file, and nothing else is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from floe_images.artifacts.codec import decode, encode, json_schema
from floe_images.artifacts.model import (
    CompiledArtifacts,
    DataArtifact,
    DuckDBArtifact,
    HomePath,
    ObservabilityArtifact,
    OrchestrationArtifact,
    Reference,
    ScheduleArtifact,
    SensorArtifact,
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
    transforms=(TransformArtifact(type="dbt", path=HomePath("project/transform")),),
    data=(DataArtifact(name="flights", path=HomePath("data/flights.csv")),),
    duckdb=DuckDBArtifact(version="1.5.5", directory=HomePath("duckdb"), extensions=("httpfs", "avro")),
    orchestration=OrchestrationArtifact(
        metadata=Settings((("type", "sqlite"),)),
        schedules=(
            ScheduleArtifact(
                name="nightly", cron="0 3 * * *", timezone="UTC", select=("tag:nightly",), exclude=(), target=None
            ),
        ),
        sensors=(
            SensorArtifact(
                name="after",
                type="run_status",
                interval=30,
                select=(),
                target="prod",
                settings=Settings((("status", "success"),)),
            ),
        ),
    ),
    observability=ObservabilityArtifact(
        traces=Settings(
            (
                ("endpoint", "http://collector:4317"),
                ("headers", Settings((("authorization", Reference(kind="secret", name="otlp")),))),
            )
        ),
        lineage=None,
    ),
    versions=Settings((("dbt-core", "1.11.16"),)),
)


def test_bytes_are_read_back_as_the_same_value() -> None:
    assert decode(encode(ARTIFACTS), where="a.json") == ARTIFACTS


def test_the_bytes_are_canonical() -> None:
    data = encode(ARTIFACTS)
    assert data == (json.dumps(json.loads(data), sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()
    assert json.loads(data)["targets"][1]["settings"]["password"] == {"$ref": {"secret": "warehouse_password"}}


def _with(**changes: Any) -> bytes:
    return json.dumps({**json.loads(encode(ARTIFACTS)), **changes}).encode()


def _target(**changes: Any) -> bytes:
    return _with(targets=[{"name": "dev", "adapter": "duckdb", "settings": {}, **changes}])


REFUSED = [
    (b"\xff", "not JSON"),
    (b"[" * 100_000, "not JSON"),
    (b"[]", "version None"),
    (_with(version=1), "version 1"),
    (_with(version=True), "version True"),
    (_with(surprise=1), "surprise"),
    (_with(name=1), "name is not of type str"),
    (_with(targets={}), "targets is not a list"),
    (_with(targets=[{"name": "dev", "adapter": "duckdb"}]), "in targets[0]: settings"),
    (_target(settings=[]), "targets[0].settings is not a mapping"),
    (_target(settings={"a": None}), "targets[0].settings.a cannot be None"),
    (_target(settings={"a": {"$ref": {"secret": "../x"}}}), "targets[0].settings.a is not a reference"),
    (_target(settings={"a": {"$ref": {"secret": "x", "env": "y"}}}), "targets[0].settings.a is not a reference"),
    (_target(settings={"a": {"$ref": "x"}}), "targets[0].settings.a is not a reference"),
    (_target(settings={"a": {"$ref": {"secret": "x"}, "b": 1}}), "targets[0].settings.a is not a reference"),
    (_with(transforms=[{"type": "spark", "path": "a"}]), "transforms[0].type is not one of dbt"),
    (_with(transforms=[{"type": "dbt", "path": "../a"}]), "below the root"),
    (_with(transforms=[{"type": "dbt", "path": "a/.."}]), "below the root"),
    (_with(data=[{"name": "a", "path": "/etc/passwd"}]), "below the root"),
    (_with(duckdb={"version": "1"}), "in duckdb: directory, extensions"),
]


@pytest.mark.parametrize(("data", "words"), REFUSED)
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
        decode(_target(settings=settings), where="a.json")


def test_the_schema_takes_the_document_and_refuses_what_the_reader_refuses() -> None:
    validator = Draft202012Validator(json.loads(json_schema()))
    Draft202012Validator.check_schema(validator.schema)
    assert list(validator.iter_errors(json.loads(encode(ARTIFACTS)))) == []
    taken = [words for data, words in REFUSED if "not JSON" not in words and validator.is_valid(json.loads(data))]
    assert taken == []
