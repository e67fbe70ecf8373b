"""Each kind of schedule and sensor fires once, on a clock and on events that the test gives: the daemon's own loops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from floe_images.artifacts.codec import encode
from tests.support.shop import Shop, shop_artifacts


@pytest.fixture(scope="module")
def asked(shop_template: Shop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    shop = shop_template.copy(tmp_path_factory.mktemp("triggers") / "root")
    with (shop.root / "home/dagster/dagster.yaml").open("a") as settings:
        settings.write("run_launcher: {module: dagster._core.test_utils, class: MockedRunLauncher}\n")
    # floe.yaml names the image's state volume; here it is another folder.
    (shop.root / "home/artifacts.json").write_bytes(encode(shop_artifacts(Path("/var/lib/floe/in"))))
    arrivals = shop.root / "state" / "in"
    arrivals.mkdir()
    found: dict[str, list[dict[str, Any]]] = shop.run("fire_triggers", str(arrivals))
    return found


def test_a_schedule_fires_once_in_its_own_time_zone(asked: dict[str, list[dict[str, Any]]]) -> None:
    assert asked["schedules, first"] == []
    assert asked["2:30 in New York"] == [{"job": "nightly", "floe/target": "dev", "floe/schedule": "nightly"}]
    assert asked["2:30 again"] == []


def test_a_schedule_of_partitions_is_for_the_last_whole_one(asked: dict[str, list[dict[str, Any]]]) -> None:
    assert asked["the hour"] == [
        {"job": "all", "floe/target": "dev", "floe/schedule": "whole", "dagster/partition": "2025-01-01"},
        {"job": "maintenance", "floe/schedule": "maintenance", "floe/maintenance": "true"},
    ]


@pytest.mark.acceptance
def test_tables_are_looked_after_at_their_time(asked: dict[str, list[dict[str, Any]]]) -> None:
    assert [look for look, runs in asked.items() for run in runs if run.get("job") == "maintenance"] == ["the hour"]


def _of(sensor: str, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [run for run in runs if run.get("floe/sensor") == sensor]


def test_a_run_status_sensor_answers_once_and_not_itself(asked: dict[str, list[dict[str, Any]]]) -> None:
    counts = {look: len(_of("after-nightly", runs)) for look, runs in asked.items()}
    assert {look for look, count in counts.items() if count} == {"after the nightly run"}
    assert counts["after the nightly run"] == 1


def test_a_file_is_one_run(asked: dict[str, list[dict[str, Any]]]) -> None:
    assert {look: len(_of("arrival", runs)) for look, runs in asked.items() if _of("arrival", runs)} == {"a file": 1}


def test_what_was_never_made_or_not_loaded_for_long_is_asked_for_once(asked: dict[str, list[dict[str, Any]]]) -> None:
    assert asked["sensors, first"] == []  # the nightly run may be what makes it new
    runs = [run for look in asked.values() for run in look if "floe/stale" in run]
    assert sorted((run["job"], run["floe/sensor"], run["floe/stale"]) for run in runs) == [
        ("stale_customers", "stale-customers", "customers"),
        ("stale_rates", "stale-rates", "bank.rates"),
    ]


def test_a_second_run_on_the_same_duckdb_file_stays_in_the_queue(asked: dict[str, list[dict[str, Any]]]) -> None:
    assert asked["queue"] == [{"nightly": "STARTING", "all": "QUEUED"}]
