"""Assets, checks and jobs of a code location, and what Dagster records of real runs on a DuckDB file."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.runtime import run_inside
from tests.support.shop import INSIDE, Shop

GOLDEN = Path(__file__).parent / "shop_definitions.golden.json"
_RESOLVE = """
import sys, tempfile
from pathlib import Path
from floe_images.errors import ProjectError
from floe_images.runtime.assets.selection import Selection, resolve
asked = Selection(select=(sys.argv[2],))
try:
    print(resolve([asked], manifest=Path(sys.argv[1]), scratch=Path(tempfile.gettempdir()))[asked])
except ProjectError as fault:
    print(fault.message)
"""
ORDER = ("order_id", "customer", "amount", "ordered_at")
CUSTOMERS = [
    "customers:accepted_values_customers_amount__False__20",
    "customers:customers_are_summed",
    "customers:no_order_is_lost",
    "customers:unique_customers_customer",
]


def _names(said: dict[str, Any]) -> list[str]:
    return sorted(each["asset"] for each in said["made"])


@pytest.fixture(scope="module")
def offered(shop_template: Shop) -> dict[str, Any]:
    said: dict[str, Any] = shop_template.run("show_definitions")
    return said


def test_the_location_offers_what_dbt_and_floe_yaml_say(offered: dict[str, Any]) -> None:
    """To make the golden file again: write ``offered`` without seconds and dbt into it, and read the difference."""
    assert {key: value for key, value in offered.items() if key not in ("seconds", "dbt")} == json.loads(
        GOLDEN.read_text()
    )


def test_dbt_is_not_imported_beside_dagster(offered: dict[str, Any]) -> None:
    assert offered["dbt"] == []


def test_triggers_can_be_left_to_people(shop_template: Shop) -> None:
    said = shop_template.run("show_definitions", env={"FLOE_SCHEDULES": "off"})
    assert {each[-1] for each in (*said["schedules"].values(), *said["sensors"].values())} == {"STOPPED"}


def test_a_whole_run_is_one_invocation_that_dagster_has_recorded(shop: Shop) -> None:
    said = shop.run("run_shop", "{}")
    assert (said["outcome"], said["status"], said["job"]) == ("success", "SUCCESS", "all")
    assert said["tags"] == {"floe/project": "shop", "floe/target": "dev"}
    assert said["ends"] == 1
    rows = {each["asset"]: each["rows"] for each in said["made"]}
    assert rows == {
        "orders": 4, "stg_orders": None, "customers": 3, "customers_over_time": 3, "daily": 4, "yearly": 4, "rates": 1,
    }  # fmt: skip
    customers = next(each for each in said["made"] if each["asset"] == "customers")
    assert customers["columns"] == [["customer", "VARCHAR"], ["orders", "BIGINT"], ["amount", "HUGEINT"]]
    assert (customers["table"], customers["target"], customers["sql"]) == ("dev.main.customers", "dev", True)
    assert 0 < customers["seconds"] < 60
    made_of = {each["asset"]: each["made_of"] for each in said["made"]}
    assert made_of == {
        "orders": None,  # a seed
        "stg_orders": {name: [f"orders.{name}"] for name in ORDER},
        "customers": {name: [f"stg_orders.{name}"] for name in ("customer", "amount")},  # by way of an ephemeral model
        "customers_over_time": {name: [f"customers.{name}"] for name in ("customer", "orders", "amount")},
        "daily": {name: [f"stg_orders.{name}"] for name in ORDER},
        "yearly": None,  # dbt keeps no statement of a model that it cut into batches
        "rates": {name: [f"bank/rates.{name}"] for name in ("currency", "rate")},
    }
    passed = {name: [True, "ERROR"] for name in (*CUSTOMERS, "bank/rates:source_not_null_bank_rates_currency")}
    assert said["checks"] == {
        **passed,
        "stg_orders:not_null_stg_orders_order_id": [True, "ERROR"],
        "stg_orders:unique_stg_orders_order_id": [True, "ERROR"],
        CUSTOMERS[0]: [False, "WARN"],
    }
    # What is selected by name runs alone, with its checks and no other.
    part = shop.run("run_shop", json.dumps({"select": ["customers"], "exclude": ["unique_customers_customer"]}))
    assert (part["outcome"], part["status"], _names(part)) == ("success", "SUCCESS", ["customers"])
    assert sorted(part["checks"]) == CUSTOMERS[:3]
    # A source test that fails ends the run as failed; what does not depend on it is recorded all the same.
    run_inside(
        shop.python,
        ["-c", "import duckdb,sys; duckdb.connect(sys.argv[1]).execute('update bank_rates set currency = null')",
         str(shop.root / "state/dev.duckdb")],
        env={},
    )  # fmt: skip
    bad = shop.run("run_shop", "{}")
    assert (bad["outcome"], bad["status"]) == ("tests_failed", "FAILURE")
    assert bad["checks"]["bank/rates:source_not_null_bank_rates_currency"] == [False, "ERROR"]
    assert _names(bad) == ["customers", "customers_over_time", "daily", "orders", "stg_orders", "yearly"]


def test_a_model_that_fails_fails_the_run_and_is_not_made(shop: Shop) -> None:
    code = "import duckdb,sys; duckdb.connect(sys.argv[1]).execute('drop table bank_rates')"
    run_inside(shop.python, ["-c", code, str(shop.root / "state/dev.duckdb")], env={})
    said = shop.run("run_shop", json.dumps({"select": ["orders", "rates"]}))
    assert (said["outcome"], said["status"], _names(said)) == ("models_failed", "FAILURE", ["orders"])


def test_a_run_that_was_killed_is_recorded_as_failed_by_the_next_which_succeeds(shop: Shop) -> None:
    script = str(INSIDE / "run_shop.py")
    killed = run_inside(shop.python, [script, '{"die_at": "NodeFinished"}'], env=shop.env, check=False)
    assert killed.returncode == -9
    said = shop.run("run_shop", '{"select": ["orders", "stg_orders"], "exclude": ["no_order_is_lost"]}')
    assert (said["outcome"], said["status"], said["before"]) == ("success", "SUCCESS", ["FAILURE"])
    # The first one's is gone; the last one's own is free, since its process is gone as well.
    (left,) = (shop.root / "state/dagster/alive").iterdir()
    with left.open("r+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.acceptance
def test_another_target_is_another_database(shop: Shop) -> None:
    shop.parse("prod")
    said = shop.run("run_shop", json.dumps({"target": "prod", "select": ["orders"], "exclude": ["no_order_is_lost"]}))
    assert (said["outcome"], said["tags"]["floe/target"]) == ("success", "prod")
    assert [[each["asset"], each["table"], each["target"]] for each in said["made"]] == [
        ["orders", "prod.main.orders", "prod"]
    ]


def test_a_partition_is_a_window_of_dbts(shop: Shop) -> None:
    said = shop.run("run_shop", json.dumps({"partition": "2025-01-01"}))
    assert (said["outcome"], said["status"]) == ("success", "SUCCESS")
    made = {each["asset"]: (each["partition"], each["rows"]) for each in said["made"]}
    assert made["daily"] == ("2025-01-01", 2)
    assert made["yearly"] == ("2025-01-01", 2)
    assert made["orders"] == (None, 4)


@pytest.mark.parametrize(("select", "said"), [("no_such_model", "frozenset()"), ("nosuch:x", "nosuch")])
def test_a_selection_that_selects_nothing_is_empty_and_an_unknown_one_is_refused_in_one_line(
    shop_template: Shop, select: str, said: str
) -> None:
    done = run_inside(
        shop_template.python, ["-c", _RESOLVE, str(shop_template.manifest("dev")), select], env=shop_template.env
    )
    assert said in done.stdout
