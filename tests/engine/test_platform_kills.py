"""kill -9 of each container in the middle of a run that Dagster launched: all is back, and nothing is lost silently."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

import pytest

from tests.support.flights import inside
from tests.support.platforms import CATALOG, SLOW, Platform
from tests.support.roles import Ui

pytestmark = pytest.mark.engine
LAKE = {
    "type": "rest", "uri": "http://lake:8181", "warehouse": "s3://lake", "credential": "secret:lake",
    "s3.endpoint": "http://lake:8333", "s3.region": "us-east-1",
    "s3.access-key-id": "secret:s3_id", "s3.secret-access-key": "secret:s3_key",
}  # fmt: skip
# What a run comes to whose container, or whose other party, was killed under it.
ENDS = {
    "daemon": ("SUCCESS",),
    "webserver": ("SUCCESS",),
    "code-server": ("FAILURE",),
    "lake": ("FAILURE", "SUCCESS"),  # as far as DuckDB and the dbt worker get: they may find the lake back already
    "postgres": ("FAILURE", "SUCCESS"),  # as far as Dagster's connections are made anew
}
_EVENTS = """query($r: ID!) {runOrError(runId: $r) {... on Run {eventConnection(limit: 1000) {events {
  __typename ... on MaterializationEvent {assetKey {path}} ... on RunFailureEvent {message}}}}}}"""


def tables(platform: Platform) -> dict[str, Any]:
    """Of the lake, as the code server's own PyIceberg reads them."""
    read = platform.floe(
        "exec", "code-server", "--", "/usr/bin/python3.11", "-c", inside("lake_tables"), CATALOG, json.dumps(LAKE)
    )  # fmt: skip
    return dict(json.loads(read.stdout))


def events(ui: Ui, run: str) -> list[dict[str, Any]]:
    return list(ui.ask(_EVENTS, r=run)["runOrError"]["eventConnection"]["events"])


def made(ui: Ui, run: str) -> set[str]:
    """The assets that the run has made so far."""
    return {each["assetKey"]["path"][-1] for each in events(ui, run) if "assetKey" in each}


def wait_until_made(ui: Ui, run: str, asset: str, *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while asset not in made(ui, run):
        assert time.monotonic() < deadline, (asset, ui.status(run), events(ui, run))
        time.sleep(0.2)


def end_of(ui: Ui, run: str, *, seconds: float = 240) -> str:
    """The run's last status. A question that is not answered is asked again."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            status = ui.status(run)
        except (OSError, AssertionError):
            status = "unknown"
        if status in ("SUCCESS", "FAILURE", "CANCELED"):
            return status
        assert time.monotonic() < deadline, f"the run stays {status}"
        time.sleep(0.5)


def history(platform: Platform) -> dict[str, str]:
    """Run → status, out of Dagster's database itself."""
    lines = platform.psql("dagster", "select run_id, status from runs").splitlines()
    return {run: status for run, _, status in (line.partition("|") for line in lines)}


@pytest.fixture(scope="module")
def before(platform: Platform) -> dict[str, Any]:
    """The lake with a table of the example's, and those of the slow models."""
    platform.run("lake", "--select", "stg_airlines", *SLOW)
    return tables(platform)


@pytest.mark.acceptance
@pytest.mark.parametrize("service", ["code-server", "daemon", "webserver", "lake", "postgres"])
def test_a_container_that_is_killed_in_the_middle_of_a_run(
    platform: Platform, before: dict[str, Any], service: str
) -> None:
    had, past = tables(platform), history(platform)
    ui = platform.ui()
    run = ui.launch(*SLOW, location=platform.name)
    wait_until_made(ui, run, "begun")
    restarts = platform.containers()[service]["RestartCount"] + 1
    assert (ui.status(run), made(ui, run)) == ("STARTED", {"begun"})
    # By its process: what `docker kill` has killed is not started again.
    os.kill(platform.process(service), signal.SIGKILL)
    platform.wait_healthy(restarts={service: restarts})

    ended = end_of(ui, run)
    assert ended in ENDS[service], (events(ui, run), platform.said("code-server")[-3000:])
    if ended == "SUCCESS":
        assert made(ui, run) == set(SLOW)
    else:
        assert any(each.get("message") for each in events(ui, run) if each["__typename"] == "RunFailureEvent")
    now = history(platform)
    assert {each: now.get(each) for each in past} == past
    assert now[run] == ended

    kept = tables(platform)
    assert kept.keys() == had.keys() == before.keys()
    for table, then in had.items():
        # Snapshots are only added, and what this run did not make is as it was.
        assert kept[table]["snapshots"][: len(then["snapshots"])] == then["snapshots"], table
        if table.rpartition(".")[2] not in SLOW:
            assert kept[table] == then
    assert "everything is up, as floe.yaml has it" in platform.up().stderr

    again = ui.launch("begun", location=platform.name)
    assert ui.wait_for(again, "SUCCESS", "FAILURE", seconds=120) == "SUCCESS"
