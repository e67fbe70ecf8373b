"""Lets the daemon's own loops look at schedules and sensors of a real code server, at times and with events given here.

Prints which runs each look has asked for. Nothing is executed: the instance's launcher only takes notes.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import launch_scheduled_runs

from floe_images.runtime.assets.pools import prepare_pools
from floe_images.runtime.places import Places, read_artifacts

ROOT = str(Path(__file__).parents[3])  # Dagster starts its code server without PYTHONPATH
log = logging.getLogger("test")
told: dict[str, list[dict[str, object]]] = {}
seen: set[str] = set()
now = datetime(2026, 7, 1, 6, 29, 30, tzinfo=timezone.utc)  # half a minute before 2:30 in New York
keep = (
    "floe/target",
    "floe/schedule",
    "floe/sensor",
    "floe/after",
    "floe/maintenance",
    "floe/stale",
    "dagster/partition",
)


def look(name: str, then: datetime, loop: Callable[[], object]) -> list[dagster.DagsterRun]:
    with freeze_time(then):
        for fault in loop():
            assert fault is None, fault
    new = [run for run in instance.get_runs() if run.run_id not in seen]
    seen.update(run.run_id for run in new)
    told[name] = [
        {"job": run.job_name, **{tag: run.tags[tag] for tag in keep if tag in run.tags}}
        for run in sorted(new, key=lambda run: run.job_name)
    ]
    return new


def cancel(runs: list[dagster.DagsterRun]) -> None:
    for run in runs:
        instance.report_run_canceled(run)


def succeed(run: dagster.DagsterRun) -> None:
    end = DagsterEvent(event_type_value=DagsterEventType.PIPELINE_SUCCESS.value, job_name=run.job_name)
    instance.report_dagster_event(end, run.run_id)


with (
    dagster.DagsterInstance.get() as instance,
    create_test_daemon_workspace_context(
        ModuleTarget("floe_images.runtime.location", attribute=None, working_directory=ROOT, location_name="shop"),
        instance,
    ) as context,
):
    prepare_pools(instance, read_artifacts(Places.of(os.environ)))
    iterations: dict[str, object] = {}

    def schedules() -> object:
        return launch_scheduled_runs(context, log, clock[0], iterations)

    def sensors() -> object:
        return execute_sensor_iteration(context, log, None, None)

    clock = [now]
    look("schedules, first", now, schedules)
    clock[0] = now + timedelta(seconds=40)
    (nightly,) = look("2:30 in New York", clock[0], schedules)
    look("2:30 again", clock[0], schedules)
    clock[0] = datetime(2026, 7, 1, 7, 0, 5, tzinfo=timezone.utc)
    whole = look("the hour", clock[0], schedules)
    for fault in QueuedRunCoordinatorDaemon(interval_seconds=1).run_iteration(context):
        assert fault is None, fault
    status = {run.job_name: run.status.value for run in instance.get_runs()}
    told["queue"] = [{"nightly": status["nightly"], "all": status["all"]}]
    cancel(whole)

    at = clock[0]
    # While the nightly run is queued nothing is too old: it may be what makes it new.
    cancel(look("sensors, first", at, sensors))
    succeed(nightly)
    after = look("after the nightly run", at := at + timedelta(seconds=31), sensors)
    cancel([run for run in after if run.job_name != "after_nightly"])
    for run in after:
        if run.job_name == "after_nightly":
            succeed(run)
    cancel(look("after that one", at := at + timedelta(seconds=31), sensors))
    folder = Path(sys.argv[1])
    (folder / "new.csv").write_text("a\n")
    os.utime(folder / "new.csv", (1, 1))
    cancel(look("a file", at := at + timedelta(seconds=31), sensors))
    cancel(look("the same file", at := at + timedelta(seconds=31), sensors))

print(json.dumps(told))
