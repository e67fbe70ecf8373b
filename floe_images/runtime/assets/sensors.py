"""floe.yaml's sensors as Dagster's: after a run, after a file has arrived, when something is too old."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import dagster

from floe_images.artifacts.model import SensorArtifact
from floe_images.runtime.assets.arrivals import from_cursor, look, to_cursor
from floe_images.runtime.assets.jobs import Job
from floe_images.runtime.assets.names import MAINTENANCE_TAG, PROJECT_TAG, plain_name
from floe_images.runtime.assets.schedules import SCHEDULE_TAG
from floe_images.runtime.places import Places

SENSOR_TAG = "floe/sensor"
AFTER_TAG = "floe/after"  # the run that a run_status sensor answers
_STATUS = {
    "success": dagster.DagsterRunStatus.SUCCESS,
    "failure": dagster.DagsterRunStatus.FAILURE,
    "canceled": dagster.DagsterRunStatus.CANCELED,
}
_LOG = logging.getLogger("floe")


def available(sensor: SensorArtifact) -> bool:
    """Say so, on one line, where a sensor cannot be had yet: one that looks into an object store."""
    path = str(sensor.settings.get("path") or "")
    if sensor.type != "file_arrival" or path.startswith("/"):
        return True
    _LOG.warning(
        "the sensor %s is left out: looking for files in %s:// is not available yet", sensor.name, path.split(":")[0]
    )
    return False


def run_status(sensor: SensorArtifact, job: Job, *, running: bool) -> dagster.SensorDefinition:
    """One run for each run of the project that has ended so, but not for those that such a sensor has set off."""
    status, schedule = str(sensor.settings.get("status")), sensor.settings.get("schedule")
    tags = {**job.tags, SENSOR_TAG: sensor.name}

    def evaluate(context: dagster.RunStatusSensorContext) -> dagster.RunRequest | dagster.SkipReason:
        run = context.dagster_run
        if run.tags.get(PROJECT_TAG) != job.tags[PROJECT_TAG]:
            return dagster.SkipReason(f"run {run.run_id} is not of this project")
        if MAINTENANCE_TAG in run.tags:
            return dagster.SkipReason(f"run {run.run_id} only looked after tables")
        if AFTER_TAG in run.tags:  # two such sensors would set each other off for ever
            return dagster.SkipReason(f"run {run.run_id} was itself set off by the end of a run")
        if schedule is not None and run.tags.get(SCHEDULE_TAG) != schedule:
            return dagster.SkipReason(f"run {run.run_id} is not of the schedule {schedule}")
        return dagster.RunRequest(run_key=run.run_id, run_config=job.config, tags={**tags, AFTER_TAG: run.run_id})

    return dagster.RunStatusSensorDefinition(
        name=plain_name(sensor.name),
        run_status=_STATUS[status],
        run_status_sensor_fn=evaluate,
        minimum_interval_seconds=sensor.interval,
        monitor_all_code_locations=True,  # a run of the role `run` is of no location
        request_job=job.definition,
        default_status=_default(running),
        description=f"After a run of {schedule or 'anything'}: {status}.",
    )


def file_arrival(sensor: SensorArtifact, job: Job, *, places: Places, running: bool) -> dagster.SensorDefinition:
    """One run for all files that are new, or have changed, since the last look; the first look takes all there are."""
    pattern = places.moved(str(sensor.settings.get("path")))
    tags = {**job.tags, SENSOR_TAG: sensor.name}

    def evaluate(context: dagster.SensorEvaluationContext) -> dagster.SensorResult:
        found = look(pattern, from_cursor(context.cursor), now=time.time_ns())
        cursor = to_cursor(found.seen)
        if not found.arrived:
            waiting = f", {len(found.waiting)} still being written" if found.waiting else ""
            return dagster.SensorResult(skip_reason=f"nothing new at {pattern}{waiting}", cursor=cursor)
        named = ", ".join(found.arrived[:5]) + (f" and {len(found.arrived) - 5} more" if found.arrived[5:] else "")
        request = dagster.RunRequest(run_key=found.key, run_config=job.config, tags={**tags, "floe/files": named[:255]})
        return dagster.SensorResult(run_requests=[request], cursor=cursor)

    return _sensor(sensor, job, evaluate, running=running, description=f"After a file has arrived at {pattern}.")


def _sensor(
    sensor: SensorArtifact,
    job: Job,
    evaluate: Callable[[dagster.SensorEvaluationContext], dagster.SensorResult],
    *,
    running: bool,
    description: str,
) -> dagster.SensorDefinition:
    return dagster.SensorDefinition(
        name=plain_name(sensor.name),
        evaluation_fn=evaluate,
        job=job.definition,
        minimum_interval_seconds=sensor.interval,
        default_status=_default(running),
        description=description,
    )


def _default(running: bool) -> dagster.DefaultSensorStatus:
    return dagster.DefaultSensorStatus.RUNNING if running else dagster.DefaultSensorStatus.STOPPED
