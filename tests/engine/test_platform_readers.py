"""What runs in the platform wrote, read by clients outside of its containers that have nothing of floe's: PyIceberg, a
DuckDB of their own that attaches the catalog, and psycopg; each finds the rows that the DuckDB file inside has."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.catalogs import link_extensions
from tests.support.flights import inside
from tests.support.lake import Lake
from tests.support.platforms import SLOW, Platform

pytestmark = [pytest.mark.engine, pytest.mark.acceptance]
TABLES = ("stg_flights", "daily_delays", "carrier_performance", "busiest_routes", "fleet_age", "carriers_seen")
ROWS = {"stg_flights": 336776, "daily_delays": 1095, "carrier_performance": 16, "carriers_seen": 16}
Reads = dict[str, list[Any]]


@pytest.fixture(scope="module")
def written(platform: Platform) -> Platform:
    """Two runs on each target: the second one adds a column to an incremental table, and merges."""
    leave_out = [word for name in SLOW for word in ("--exclude", name)]
    for target in ("dev", "prod", "lake"):
        platform.run(target, "--full-refresh", *leave_out)
        platform.run(target, "--select", "carriers_seen")
    return platform


@pytest.fixture(scope="module")
def lake(written: Platform) -> Lake:
    """As this machine sees it."""
    key, _, secret = written.secret("lake").partition(":")
    ports = written.ports
    return Lake(s3=f"http://127.0.0.1:{ports.s3}", catalog=f"http://127.0.0.1:{ports.catalog}", key=key, secret=secret)


@pytest.fixture(scope="module")
def inner(written: Platform) -> Reads:
    """Out of the DuckDB file, by a program inside: the reference."""
    container = written.containers()["code-server"]["Id"]
    order = json.dumps({"by": "file", "file": "/var/lib/floe/flights.duckdb", "tables": TABLES})
    command = ["docker", "exec", "-i", container, "/usr/bin/python3.11", "-c", inside("read_tables")]
    done = subprocess.run(command, input=order, capture_output=True, text=True, env=written.engine.env, check=True)
    found: Reads = json.loads(done.stdout)
    assert {table: count for table, (count, _) in found.items() if table in ROWS} == ROWS
    assert len({digest for _, digest in found.values()}) == len(TABLES)
    return found


def read(platform: Platform, python: Path, **order: object) -> Reads:
    done = platform.run_outside(python, "-W", "ignore", "-c", inside("read_tables"), said=json.dumps(order))
    return dict(json.loads(done.stdout))


def test_pyiceberg_outside_reads_what_was_written(
    written: Platform, lake: Lake, inner: Reads, runtime_python: Path
) -> None:
    found = read(written, runtime_python, by="pyiceberg", properties=lake.properties, tables=TABLES)
    assert found == inner


def test_duckdb_outside_attaches_the_catalog_and_reads_what_was_written(
    written: Platform, lake: Lake, inner: Reads, runtime_python: Path, tmp_path: Path
) -> None:
    link_extensions(runtime_python, tmp_path / "extensions", machine=written.engine.api.architecture)
    found = read(
        written, runtime_python, by="attached", extensions=str(tmp_path / "extensions"), before=lake.attach("there"),
        tables=TABLES,
    )  # fmt: skip
    assert found == inner


def test_postgres_outside_has_the_same_rows(written: Platform, inner: Reads, runtime_python: Path) -> None:
    connect = {"host": "127.0.0.1", "port": written.ports.postgres, "user": "floe", "dbname": "flights"}
    found = read(
        written, runtime_python, by="postgres", connect={**connect, "password": written.secret("warehouse")},
        tables=TABLES,
    )  # fmt: skip
    assert found == inner


def test_metadata_says_version_2_partitions_and_a_schema_that_has_grown(
    written: Platform, lake: Lake, runtime_python: Path
) -> None:
    done = written.run_outside(
        runtime_python, "-W", "ignore", "-c", inside("lake_tables"), "there", json.dumps(lake.properties)
    )
    found = json.loads(done.stdout)
    assert {f"flights.{table}" for table in TABLES} <= found.keys()
    assert {table: said["version"] for table, said in found.items()} == dict.fromkeys(found, 2)
    seen = found["flights.carriers_seen"]
    assert (seen["partition"], seen["columns"], seen["rows"]) == (["bucket[4]"], ["carrier", "flights", "again"], 16)
    assert seen["schemas"][0] == ["carrier", "flights"]
    assert len(seen["snapshots"]) >= 2
