"""The flights example's models on few rows: in a DuckDB file, as Iceberg tables on S3, and on local files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.runtime.test_load_sources import EXAMPLE, lay_out
from tests.support.catalogs import Catalogs
from tests.support.lake import Lake
from tests.support.lake import lake as lake

TABLES = {"stg_flights": 600, "daily_delays": 3, "carrier_performance": 2, "busiest_routes": 3, "fleet_age": 3}


@pytest.fixture(scope="module")
def catalogs(tmp_path_factory: pytest.TempPathFactory, runtime_python: Path, lake: Lake) -> Catalogs:
    made = Catalogs.make(tmp_path_factory.mktemp("flights") / "w", runtime_python, lake, {}, namespace="flights")
    shutil.copytree(EXAMPLE, made.world.project, dirs_exist_ok=True)
    lay_out(made.world)
    return made


@pytest.mark.acceptance
def test_the_same_rows_everywhere(catalogs: Catalogs) -> None:
    for target in ("dev", "rest", "local"):
        (run,) = catalogs.world.run({"target": target, "exclude": ["every_flight_is_there"]})
        assert run.end.outcome == "success", (target, run.end)
        assert run.finished["stg_flights"].rows == 600
    for table, count in TABLES.items():
        expected = catalogs.rows(table, target="dev")
        assert len(expected) == count
        for target in ("rest", "local"):
            found = catalogs.ask(table, target=target)
            assert found["rows"] == expected, (target, table)
            assert found["format_version"] == 2
            assert [operation for _, operation in found["snapshots"]] == ["append"]
        assert catalogs.rows(table, target="rest") == expected, table
