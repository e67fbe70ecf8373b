"""What is asked of the index, and what makes a lock stale."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from floe_images.errors import LockStaleError
from floe_images.lock import requirements
from floe_images.lock.changes import changes
from floe_images.lock.requirements import python_requirements
from floe_images.lock.stale import check_fresh, debian_inputs_digest, inputs_digest
from floe_images.spec.model import Spec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from dataclasses import replace

from tests.unit.lock.sample import deb, sample

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"
BASE: dict[str, Any] = {
    "version": "1.0",
    "name": "flights",
    "adapters": ("duckdb",),
    "targets": {"dev": {"adapter": "duckdb", "path": "/var/lib/floe/x.duckdb"}},
    "default_target": "dev",
    "transforms": ({"type": "dbt", "path": "transform"},),
}


def spec(**more: Any) -> Spec:
    return Spec.model_validate({**BASE, **more})


def test_the_runtime_is_pyprojects_extra() -> None:
    extra = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]["runtime"]
    assert sorted(extra) == sorted(requirements.RUNTIME)


def test_duckdb_brings_its_extensions_at_its_own_version() -> None:
    found = set(python_requirements(spec())) - set(requirements.RUNTIME)
    assert found == {
        "dbt-duckdb",
        "duckdb==1.5.5",
        "duckdb-extension-avro==1.5.5",
        "duckdb-extension-httpfs==1.5.5",
        "duckdb-extension-iceberg==1.5.5",
    }


@pytest.mark.parametrize(
    ("more", "added"),
    [
        ({"image": {"python_packages": ("tenacity>=9",)}}, {"tenacity>=9"}),
        (
            {
                "orchestration": {
                    "metadata": {"type": "postgres", "host": "db", "user": "floe", "database": "dagster"},
                }
            },
            {"dagster-postgres>=0.29", "sqlalchemy<2.1"},
        ),
        (
            {"catalogs": {"lake": {"type": "local", "warehouse": "/var/lib/floe/lake"}}},
            {"pyiceberg[pyarrow,pyiceberg-core,sql-sqlite]>=0.11"},
        ),
        (
            {"catalogs": {"lake": {"type": "rest", "uri": "http://rest:8181", "storage": {"type": "s3"}}}},
            {"pyiceberg[pyarrow,pyiceberg-core]>=0.11"},
        ),
        (
            {"catalogs": {"lake": {"type": "rest", "uri": "http://rest:8181", "storage": {"type": "gcs"}}}},
            {"pyiceberg[gcsfs,pyarrow,pyiceberg-core]>=0.11"},
        ),
    ],
)
def test_what_a_setting_adds(more: dict[str, Any], added: set[str]) -> None:
    assert set(python_requirements(spec(**more))) - set(python_requirements(spec())) == added
    assert inputs_digest(spec(**more)) != inputs_digest(spec())


@pytest.mark.parametrize(
    "more",
    [
        {"image": {"platforms": ("linux/amd64",)}},
        {"image": {"debian_packages": ("libpq5",)}},
        {"image": {"debug": True}},
        {"data": ({"name": "x", "package": "p==1", "member": "a", "place": "/opt/floe/data/a"},)},
    ],
)
def test_stale(more: dict[str, Any]) -> None:
    lock = replace(sample(), inputs=inputs_digest(spec()))
    check_fresh(lock, spec())
    with pytest.raises(LockStaleError) as caught:
        check_fresh(lock, spec(**more))
    assert caught.value.exit_code == 11
    assert caught.value.hint is not None
    assert "floe lock" in caught.value.hint


@pytest.mark.parametrize(
    "more",
    [
        {"image": {"mirrors": {"python": "https://mirror.example/simple", "ca_certificates": ("ca.pem",)}}},
        {"image": {"max_size": "1GB", "repository": "registry.example/x", "revision": "abc"}},
        {"orchestration": {"schedules": ({"name": "nightly", "cron": "0 3 * * *"},)}},
        {"targets": {"dev": {"adapter": "duckdb", "path": "/tmp/other.duckdb"}}},
        {"image": {"platforms": ("linux/arm64", "linux/amd64")}},
    ],
)
def test_not_stale(more: dict[str, Any]) -> None:
    assert inputs_digest(spec(**more)) == inputs_digest(spec())


def test_debians_inputs_are_its_own() -> None:
    assert debian_inputs_digest(spec(image={"python_packages": ("tenacity",)})) == debian_inputs_digest(spec())
    assert debian_inputs_digest(spec(image={"debian_packages": ("libpq5",)})) != debian_inputs_digest(spec())


def test_changes_are_told_by_name() -> None:
    old = sample()
    agate, duckdb, _ = old.wheels
    (amd64, _), (arm64, _) = old.debian
    new = replace(
        old,
        wheels=(replace(agate, version="1.10"), duckdb, replace(agate, name="new")),
        debian=((amd64, (deb("amd64", "2"),)), (arm64, (deb("arm64", "2"),))),
    )
    assert [str(change) for change in changes(old, new)] == [
        "~ debian libc6 1:2.36-9+deb12u9 → 2",
        "~ python agate 1.9.1 → 1.10",
        "+ python new 1.9.1",
        "- python only-arm 2!1.0",
    ]
    assert changes(old, old) == ()
    assert len(changes(None, old)) == 5
