"""Exports of floe.yaml: a model's result as an Iceberg table, from DuckDB and from PostgreSQL, and in Dagster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from floe_images.artifacts.codec import decode, encode
from floe_images.artifacts.model import CatalogArtifact, ExportArtifact, Settings
from floe_images.render.dagster import render_dagster
from tests.support.catalogs import read_table
from tests.support.dbt_world import World
from tests.support.postgres import Postgres
from tests.support.runtime import run_inside

FILES = {
    "models/orders.sql": (
        "select 1::bigint as id, 10.50::numeric(10, 2) as price, 'x'::varchar as text, true as paid, "
        "'2024-01-02 03:04:05'::timestamp as at union all select 2, null::numeric(10, 2), 'ü', false, null"
    ),
    "models/checked.sql": "select 1 as id",
    "models/schema.yml": (
        "models:\n  - name: checked\n    columns:\n      - name: id\n        tests:\n"
        "          - accepted_values: {arguments: {values: [1], quote: false}}\n"
    ),
}
ORDERS, CHECKED = (
    ExportArtifact(model=name, catalog="out", namespace="reports", table=table, partition_by=partition)
    for name, table, partition in (("orders", "sold", ("bucket(2, id)",)), ("checked", "checked", ()))
)
EXPORTS = [ORDERS.unique_id, CHECKED.unique_id]
COLUMNS = {"id": "long", "price": "decimal(10, 2)", "text": "string", "paid": "boolean", "at": "timestamp"}
ROWS = [["1", "10.50", "x", "True", "2024-01-02 03:04:05"], ["2", "None", "ü", "False", "None"]]


def _make(folder: Path, python: Path) -> World:
    return _exporting(World.make(folder, python, FILES))


def _exporting(world: World) -> World:
    file = world.folder / "home" / "artifacts.json"
    made = decode(file.read_bytes(), where="artifacts")
    out = CatalogArtifact(name="out", type="local", settings=Settings((("warehouse", "/var/lib/floe/out"),)))
    file.write_bytes(encode(replace(made, catalogs=(out,), exports=(ORDERS, CHECKED))))
    return world


def _read(world: World, table: str) -> dict[str, Any]:
    folder = world.folder / "state" / "out"
    plain = {"type": "sql", "uri": f"sqlite:///{folder}/catalog.sqlite", "warehouse": f"file://{folder}"}
    return read_table(world, plain, f"reports.{table}", catalog="out")


@pytest.mark.acceptance
def test_tables_are_made_and_evolved_and_what_a_test_refuses_stays(runtime_python: Path, tmp_path: Path) -> None:
    world = _make(tmp_path / "w", runtime_python)
    (run,) = world.run({"exports": EXPORTS})
    assert run.end.outcome == "success", run.end
    sold = run.finished["reports.sold"]
    assert (sold.unique_id, sold.resource_type, sold.rows) == ("export.out.reports.sold", "export", 2)
    found = _read(world, "sold")
    assert (found["columns"], found["rows"]) == (COLUMNS, ROWS)
    assert (found["format_version"], found["partition"]) == (2, [["id", "bucket[2]"]])
    assert _read(world, "checked")["rows"] == [["1"]]
    # One evolves by name; of the other a test fails, so it keeps what it had.
    world.write({"models/orders.sql": "select 'y' as text, 3::bigint as id, 1 as more"})
    world.write({"models/checked.sql": "select 2 as id"})
    (run,) = world.run({"exports": EXPORTS})
    assert run.end.outcome == "tests_failed", run.end
    checked = run.finished["reports.checked"]
    assert (checked.status, checked.message) == (
        "skipped", "accepted_values_checked_id__False__1 of checked failed"
    )  # fmt: skip
    assert _read(world, "checked")["rows"] == [["1"]]
    after = _read(world, "sold")
    assert after["columns"] == {"id": "long", "text": "string", "more": "int"}
    assert [operation for _, operation in after["snapshots"]] == ["append", "delete", "append"]


@pytest.mark.acceptance
def test_exports_alone_and_one_that_fails(runtime_python: Path, tmp_path: Path) -> None:
    world = _make(tmp_path / "w", runtime_python)
    (run,) = world.run({"exports": [ORDERS.unique_id], "select": ["orders"]})
    assert run.end.outcome == "success", run.end
    before = _read(world, "sold")
    (run,) = world.run({"exports": [ORDERS.unique_id], "command": "export"})
    assert (run.end.outcome, [*run.finished]) == ("success", ["reports.sold"])
    after = _read(world, "sold")
    assert (after["rows"], len(after["snapshots"])) == (ROWS, len(before["snapshots"]) + 2)
    world.write({"models/orders.sql": "select 'y' as text"})  # and no column to partition by
    (run,) = world.run({"exports": [ORDERS.unique_id], "select": ["orders"]})
    assert run.end.outcome == "models_failed"
    assert run.end.message == (
        "export reports.sold failed: partition_by names the column id, which is not there"
    )  # fmt: skip
    assert _read(world, "sold") == after


@pytest.mark.acceptance
def test_from_postgres(runtime_python: Path, tmp_path: Path, database: World) -> None:
    (run,) = database.run({"target": "pg", "exports": [ORDERS.unique_id]})
    assert run.end.outcome == "success", run.end
    assert run.finished["reports.sold"].rows == 2
    found = _read(database, "sold")
    assert (found["columns"], found["rows"], found["format_version"]) == (COLUMNS, ROWS, 2)
    database.write({"models/orders.sql": "select 1 as id, avg(x) as mean, '{}'::jsonb as doc, 'NaN'::numeric as odd "
                                         "from generate_series(1, 3) as t(x)"})  # fmt: skip
    (run,) = database.run({"target": "pg", "exports": [ORDERS.unique_id], "select": ["orders"]})
    assert run.end.outcome == "models_failed"
    assert "the column odd has a value that decimal128(38, 18) cannot hold" in (run.end.message or "")
    assert _read(database, "sold")["rows"] == ROWS
    assert "password" not in str(run)


@pytest.fixture
def database(runtime_python: Path, tmp_path: Path, postgres: Postgres) -> Iterator[World]:
    world = World.make(tmp_path / "w", runtime_python, FILES)
    with postgres.new_database("exports") as name:
        yield _exporting(world.on(postgres, name))


def test_a_run_of_the_pipeline_records_assets(runtime_python: Path, tmp_path: Path) -> None:
    world = _make(tmp_path / "w", runtime_python)
    world.carry(world.parse(tmp_path / "manifest.json"))
    settings = world.folder / "home" / "dagster" / "dagster.yaml"
    settings.parent.mkdir()
    settings.write_bytes(render_dagster(metadata="sqlite"))
    role = ["-m", "floe_images.runtime.main", "run"]
    done = run_inside(runtime_python, [*role, "--select", "orders"], env=world.env, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "success export reports.sold  2 rows" in done.stdout
    assert "checked" not in done.stdout
    code = (
        "import dagster, json; i = dagster.DagsterInstance.get(); "
        "e = i.get_latest_materialization_event(dagster.AssetKey(['out', 'reports', 'sold'])); "
        "print(json.dumps({k: e.asset_materialization.metadata[k].value "
        "for k in ('dagster/row_count', 'dagster/table_name')}))"
    )
    home = {**world.env, "DAGSTER_HOME": str(world.folder / "state" / "dagster")}
    told = json.loads(run_inside(runtime_python, ["-c", code], env=home).stdout)
    assert told["dagster/row_count"] == 2
    assert told["dagster/table_name"] == "out.reports.sold"
    (world.folder / "state" / "out" / "catalog.sqlite").write_bytes(b"this is no catalog")
    done = run_inside(runtime_python, role, env=world.env, check=False)
    assert done.returncode == 61, f"{done.stdout}\n{done.stderr}"
    assert "error   export reports.sold" in done.stdout
