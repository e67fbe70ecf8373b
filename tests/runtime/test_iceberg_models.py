"""dbt's materializations in an attached Iceberg catalog, as a client with nothing of floe's sees them afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.catalogs import Catalogs
from tests.support.dbt_world import TRANSFORM
from tests.support.lake import Lake
from tests.support.lake import lake as lake

SELECT = "select id, city, day{{ ', note' if 'note' in (adapter.get_columns_in_relation(ref('cities')) | map(attribute='name') | list) else '' }} from {{ ref('cities') }}"  # noqa: E501
FILES = {
    "seeds/cities.csv": "id,city,day\n1,Oslo,2024-01-01\n2,Bern,2024-02-01\n",
    "models/whole.sql": (
        "{{ config(materialized='table', partition_by='month(day)') }} "
        "select id, city, day, sum(id) over () as total from {{ ref('cities') }}"
    ),
    "models/added.sql": "{{ config(materialized='incremental', incremental_strategy='append') }} "
    "select id, city from {{ ref('cities') }}",
    "models/replaced.sql": (
        "{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='id', "
        f"on_schema_change='append_new_columns') }}}} {SELECT}"
    ),
    "models/merged.sql": (
        "{{ config(materialized='incremental', incremental_strategy='merge', unique_key='id', "
        f"on_schema_change='append_new_columns', partition_by=['bucket(4, id)']) }}}} {SELECT}"
    ),
    "models/seen.sql": "select count(*) as cities from {{ ref('whole') }}",
    "snapshots/kept.sql": (
        "{% snapshot kept %}{{ config(unique_key='id', strategy='check', check_cols=['city']) }}"
        " select id, city from {{ ref('cities') }}{% endsnapshot %}"
    ),
}
SECOND = "id,city,day\n2,Basel,2024-02-01\n3,Rome,2024-03-01\n"
THIRD = "id,city,day,note\n3,Turin,2024-03-01,new\n4,Graz,2024-04-01,too\n"


@pytest.fixture(scope="module")
def catalogs(tmp_path_factory: pytest.TempPathFactory, runtime_python: Path, lake: Lake) -> Catalogs:
    """Three runs of everything, on seeds that change."""
    folder = tmp_path_factory.mktemp("models") / "w"
    made = Catalogs.make(folder, runtime_python, lake, FILES, namespace="models")
    for seed in (FILES["seeds/cities.csv"], SECOND, THIRD):
        made.world.write({"seeds/cities.csv": seed})
        (run,) = made.world.run({"target": "rest"})
        assert run.end.outcome == "success", run.end
        assert lake.secret not in "".join([*run.said, str(run.end)])
    return made


def _operations(found: dict[str, Any]) -> list[str]:
    return [operation for _, operation in found["snapshots"]]


def test_a_table_is_overwritten_in_place_and_keeps_its_history(catalogs: Catalogs) -> None:
    whole = catalogs.ask("whole")
    assert whole["rows"] == [["3", "Turin", "2024-03-01", "7"], ["4", "Graz", "2024-04-01", "7"]]
    assert whole["columns"] == {"id": "int", "city": "string", "day": "date", "total": "decimal(38, 0)"}
    assert (whole["format_version"], whole["partition"], whole["files"]) == (2, [["day", "month"]], 2)
    assert _operations(whole) == ["append", "delete", "append", "delete", "append"]
    first = catalogs.ask("whole", snapshot=whole["snapshots"][0][0])
    assert first["rows"] == [["1", "Oslo", "2024-01-01", "3"], ["2", "Bern", "2024-02-01", "3"]]


def test_append(catalogs: Catalogs) -> None:
    added = catalogs.ask("added")
    assert added["rows"] == [["1", "Oslo"], ["2", "Basel"], ["2", "Bern"], ["3", "Rome"], ["3", "Turin"], ["4", "Graz"]]
    assert _operations(added) == ["append"] * 3


@pytest.mark.parametrize("table", ["replaced", "merged"])
def test_rows_are_replaced_by_their_key_and_columns_added(catalogs: Catalogs, table: str) -> None:
    found = catalogs.ask(table)
    assert found["rows"] == [
        ["1", "Oslo", "2024-01-01", "None"],
        ["2", "Basel", "2024-02-01", "None"],
        ["3", "Turin", "2024-03-01", "new"],
        ["4", "Graz", "2024-04-01", "too"],
    ]
    assert found["columns"] == {"id": "int", "city": "string", "day": "date", "note": "string"}
    assert found["format_version"] == 2
    assert found["partition"] == ([["id", "bucket[4]"]] if table == "merged" else [])
    assert set(_operations(found)) - {"append"}, "rows were taken away"
    assert catalogs.rows(table, target="rest") == found["rows"]


def test_seeds_and_snapshots_are_there_and_views_are_not(catalogs: Catalogs) -> None:
    assert [row[:2] for row in catalogs.ask("cities")["rows"]] == [["3", "Turin"], ["4", "Graz"]]
    kept = catalogs.ask("kept")["rows"]
    assert [(row[0], row[1], row[-1] == "None") for row in kept] == [
        ("1", "Oslo", True), ("2", "Basel", True), ("2", "Bern", False), ("3", "Rome", False), ("3", "Turin", True),
        ("4", "Graz", True),
    ]  # fmt: skip
    with pytest.raises(AssertionError, match="NoSuchTable"):
        catalogs.ask("seen")


@pytest.mark.acceptance
def test_full_refresh_and_another_partition(catalogs: Catalogs) -> None:
    """Of a model of its own, whose column changes its type and whose other column goes."""
    model = "{{{{ config(materialized='incremental', partition_by={0}) }}}} {1}"
    catalogs.world.write({"models/changed.sql": model.format("'id'", "select 1::bigint as id, 'x' as a, 5 as b")})
    (run,) = catalogs.world.run({"target": "rest", "select": ["changed"]})
    assert run.end.outcome == "success", run.end
    text = model.format("['truncate(2, a)']", "select 2::integer as id, 'yyy' as a, 'six' as b, 1 as c")
    catalogs.world.write({"models/changed.sql": text})
    (run,) = catalogs.world.run({"target": "rest", "select": ["changed"], "full_refresh": True})
    assert run.end.outcome == "success", run.end
    changed = catalogs.ask("changed")
    assert changed["columns"] == {"id": "long", "a": "string", "b": "string", "c": "int"}
    assert changed["partition"] == [["a", "truncate[2]"]]
    assert changed["rows"] == [["2", "yyy", "six", "1"]]
    first = catalogs.ask("changed", snapshot=changed["snapshots"][0][0])
    assert [row[:2] for row in first["rows"]] == [["1", "x"]]


@pytest.mark.acceptance
def test_what_cannot_be_is_said_and_is_no_crash(catalogs: Catalogs) -> None:
    catalogs.world.write(
        {"models/odd.sql": "{{ config(materialized='table', partition_by='week(id)') }} select 1 as id"}
    )
    (run,) = catalogs.world.run({"target": "rest", "select": ["odd"]})
    (catalogs.world.project / "models/odd.sql").unlink()
    assert run.end.outcome == "models_failed"
    assert "partition_by of odd has 'week(id)', which is no partition of an Iceberg table" in (run.end.message or "")
    secret = catalogs.world.folder / "secrets" / "lake"
    right = secret.read_text()
    secret.write_text("somebody:unbelievable-secret\n")
    (run,) = catalogs.world.run({"target": "rest", "select": ["whole"]})
    secret.write_text(right)
    told = f"{run.end.message} {run.said}"
    assert run.end.outcome != "success"
    assert "unbelievable-secret" not in told


@pytest.mark.acceptance
def test_a_manifest_made_with_the_image_has_it_all_and_no_secret(catalogs: Catalogs) -> None:
    world = catalogs.world
    file = world.folder / "home/manifests/rest" / TRANSFORM / "manifest.json"
    file.parent.mkdir(parents=True)
    options = ["--placeholders", "--target", "rest", "--epoch", "1700000000", "--output", str(file)]
    command = [str(world.python), "-m", "floe_images.runtime.dbt.parse", *options]
    done = subprocess.run(command, capture_output=True, text=True, env=world.environ)
    assert (done.returncode, done.stderr) == (0, "")
    nodes = json.loads(file.read_text())["nodes"]
    assert nodes["model.shop.whole"]["relation_name"] == '"lake"."models"."whole"'
    assert nodes["model.shop.seen"]["database"] == "rest"
    assert catalogs.lake.secret not in file.read_text()
    before = len(catalogs.ask("whole")["snapshots"])
    (run,) = world.run({"target": "rest", "select": ["whole", "seen"]})
    file.unlink()
    assert run.end.outcome == "success", run.end
    assert not [line for line in run.said if line.startswith("Found ") and "macros" in line and "parse" in line]
    assert len(catalogs.ask("whole")["snapshots"]) == before + 2


@pytest.mark.acceptance
def test_a_killed_run_leaves_the_table_as_it_was(catalogs: Catalogs) -> None:
    world = catalogs.world
    text = "{{{{ config(materialized='table') }}}} select range as id, md5(range::varchar) as text from range({0})"
    world.write({"models/long.sql": text.format(3)})
    (run,) = world.run({"target": "rest", "select": ["long"]})
    assert run.end.outcome == "success", run.end
    before = catalogs.ask("long")
    world.write({"models/long.sql": text.format(20_000_000)})
    process = world.start({"target": "rest", "select": ["long"]})
    assert process.stdout
    for line in process.stdout:
        if '"node_started"' in line:
            break
    time.sleep(3)
    threads = Path(f"/proc/{process.pid}/task").glob("*/children")
    (worker,) = {int(child) for thread in threads for child in thread.read_text().split()}
    os.kill(worker, signal.SIGKILL)
    rest, _ = process.communicate(timeout=60)
    (world.project / "models/long.sql").unlink()
    assert "infrastructure" in rest
    assert catalogs.ask("long") == before


@pytest.mark.acceptance
def test_a_source_in_a_catalog_that_duckdb_cannot_attach_is_refused(
    runtime_python: Path, lake: Lake, tmp_path: Path
) -> None:
    files = {
        "models/one.sql": "select * from {{ source('there', 'orders') }}",
        "models/schema.yml": "sources:\n  - {name: there, database: folder, schema: shop, tables: [{name: orders}]}\n",
    }
    catalogs = Catalogs.make(tmp_path / "w", runtime_python, lake, files, namespace="refused")
    (run,) = catalogs.world.run({"target": "local"})
    assert (run.end.outcome, [*run.finished]) == ("configuration", [])
    assert run.end.message == (
        "source.shop.there.orders: DuckDB cannot attach the catalog folder, so its tables are no sources"
    )
