"""A dbt project with every kind of node on DuckDB: what the worker tells of it, with and without a made manifest."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from floe_images.artifacts.events import Column, NodeStarted, RunStarted
from tests.support.dbt_world import Run, World

FILES = {
    "seeds/fruits.csv": "id,name,price,day\n1,apple,1.5,2024-01-01\n2,pear,2.25,2024-01-02\n3,fig,9.0,2024-01-03\n",
    "models/prices.sql": "{{ config(materialized='table') }} select id, price from {{ ref('fruits') }}",
    "models/names.sql": "select name from {{ ref('fruits') }} where name <> '{{ env_var(\"SHOP_WITHOUT\", \"fig\") }}'",
    "models/log.sql": (
        "{{ config(materialized='incremental') }} select id, '{{ var(\"floe_partition\", \"none\") }}' as part, "
        "'{{ var(\"floe_window_start\", \"\") }}' as since from {{ ref('prices') }}"
    ),
    "models/days.sql": (
        "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='day', batch_size='day', "
        "begin='2024-01-01', lookback=0) }} select id, cast(day as timestamp) as day from {{ ref('fruits') }}"
    ),
    "models/hidden.sql": "{{ config(materialized='ephemeral') }} select 1 as one",
    "models/told.sql": "{{ print('printed by a macro') }}{{ log('logged by a macro', info=true) }}"
    " select * from {{ ref('hidden') }}",
    "models/shop.yml": """
models:
  - name: prices
    columns:
      - name: id
        data_tests:
          - unique
          - accepted_values: {arguments: {values: [1, 2], quote: false}, config: {severity: warn}}
seeds:
  - name: fruits
    config: {event_time: day}
sources:
  - name: outside
    schema: main
    loaded_at_field: cast(day as timestamp)
    freshness: {error_after: {count: 1, period: day}}
    tables: [{name: fruits}]
exposures:
  - {name: board, type: dashboard, owner: {name: Ada}, depends_on: [ref('prices')]}
unit_tests:
  - name: names_leave_out_figs
    model: names
    given: [{input: ref('fruits'), rows: [{name: fig}, {name: kiwi}]}]
    expect: {rows: [{name: kiwi}]}
""",
    "snapshots/kept.sql": (
        "{% snapshot kept %}{{ config(unique_key='id', strategy='check', check_cols=['price'], target_schema='main') }}"
        " select id, price from {{ ref('fruits') }}{% endsnapshot %}"
    ),
    "tests/figs_are_dear.sql": "select * from {{ ref('fruits') }} where name = 'fig' and price < 5",
}
FIRST = {"partition": "2024-01", "window": ["2024-01-01", "2024-01-03"]}
SECOND = {"partition": "2024-02", "window": ["2024-01-03", "2024-01-04"]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, runtime_python: Path) -> World:
    return World.make(tmp_path_factory.mktemp("shop") / "a", runtime_python, FILES)


@pytest.fixture(scope="module")
def first(world: World) -> Run:
    """Without a manifest: dbt reads the project."""
    (run,) = world.run(FIRST)
    return run


@pytest.fixture(scope="module")
def manifest(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made twice, in folders of different names and depths, under different seeds of hashing."""
    other = World.make(tmp_path_factory.mktemp("elsewhere") / "b" / "deeper", world.python, FILES)
    made = [tmp_path_factory.mktemp("made") / f"{n}.json" for n in "12"]
    for each, file, seed in zip((world, other), made, "12", strict=True):
        replace(each, env={**each.env, "PYTHONHASHSEED": seed}).parse(file)
    assert made[0].read_bytes() == made[1].read_bytes()
    return made[0]


def test_every_kind_of_node_is_told(first: Run) -> None:
    begin = first.events[0]
    assert isinstance(begin, RunStarted)
    assert (begin.run_id, begin.target, begin.adapter, begin.partition) == ("run-0", "dev", "duckdb", "2024-01")
    assert (first.end.outcome, first.end.message) == ("success", None)
    told = {name: (node.resource_type, node.status, node.rows, node.failures) for name, node in first.finished.items()}
    assert told == {
        "fruits": ("seed", "success", 3, None),
        "prices": ("model", "success", 3, None),
        "names": ("model", "success", None, None),
        "log": ("model", "success", 3, None),
        "days": ("model", "success", 2, None),
        "told": ("model", "success", None, None),
        "kept": ("snapshot", "success", 3, None),
        "unique_prices_id": ("test", "success", None, 0),
        "accepted_values_prices_id__False__1__2": ("test", "warn", None, 1),
        "figs_are_dear": ("test", "success", None, 0),
        "names_leave_out_figs": ("unit_test", "success", None, 0),
    }
    prices = first.finished["prices"]
    assert prices.columns == (Column(name="id", type="INTEGER"), Column(name="price", type="DOUBLE"))
    assert prices.relation == '"shop"."main"."prices"'
    assert prices.sql == ' select id, price from "shop"."main"."fruits"'
    assert first.finished["names"].columns == (Column(name="name", type="VARCHAR"),)
    assert prices.started_at < prices.at < time.time_ns()
    started = [event.unique_id for event in first.events if isinstance(event, NodeStarted)]
    assert sorted(started) == sorted(node.unique_id for node in first.finished.values())  # each once, batches or not


def test_what_dbt_and_macros_say_is_an_event(first: Run) -> None:
    assert "printed by a macro" in first.said
    assert "logged by a macro" in first.said
    assert [line for line in first.said if line.startswith("Registered adapter: duckdb")] != []


def test_a_manifest_is_the_same_bytes_anywhere_and_names_no_machine(manifest: Path, world: World) -> None:
    text = manifest.read_text()
    document = json.loads(text)
    assert document["nodes"]["seed.shop.fruits"]["root_path"] == "/opt/floe/project/shop"
    assert document["metadata"]["generated_at"] == "2023-11-14T22:13:20Z"
    assert {node["created_at"] for node in document["nodes"].values()} == {1700000000.0}
    for secret in (str(world.folder), str(world.folder.parent), socket.gethostname(), "/tmp/pytest"):
        assert secret not in text


def test_a_manifest_that_fits_is_what_dbt_runs(first: Run, manifest: Path, world: World) -> None:
    world.carry(manifest)
    world.write({"models/names.sql": "{{ this is no dbt }}"})  # only somebody who reads the project would see it
    other = replace(world, env={**world.env, "SHOP_WITHOUT": "pear"})
    (second,), (changed,) = world.run(SECOND), other.run(SECOND)
    assert second.end.outcome == "success", second.end
    grown = {"log": 6, "days": 3}
    assert {name: (node.status, node.rows) for name, node in second.finished.items()} == {
        name: (node.status, grown.get(name, node.rows)) for name, node in first.finished.items()
    }
    assert world.query("select part, since, count(*) from log group by all order by 1") == [
        ["2024-01", "2024-01-01", 3],
        ["2024-02", "2024-01-03", 3],
    ]
    # A variable that the project reads has another value than when the manifest was made.
    assert changed.end.outcome == "configuration"
    assert "names.sql" in (changed.end.message or "")
    world.write({"models/names.sql": FILES["models/names.sql"]})


def test_freshness_selection_and_exactness(first: Run, world: World) -> None:
    fresh, exact, nothing = world.run(
        {"command": "freshness"},
        {"select": ["unique_prices_id"], "exact": True},
        {"select": ["tag:none"]},
    )
    assert {(node.resource_type, node.status) for node in fresh.finished.values()} == {("source", "fail")}
    assert fresh.end.outcome == "tests_failed"
    assert set(exact.finished) == {"unique_prices_id"}
    assert (nothing.end.outcome, nothing.end.message) == (
        "configuration",
        "nothing of the dbt project is selected by --select tag:none (`dbt ls` takes the same words)",
    )
