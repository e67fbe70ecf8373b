"""The sensor ``freshness``: a run when a model, or a source, is older than it may be."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime, timezone

import dagster

from floe_images.artifacts.events import Said
from floe_images.artifacts.model import SensorArtifact
from floe_images.runtime.assets.factory import Runner
from floe_images.runtime.assets.graph import DbtGraph
from floe_images.runtime.assets.jobs import Chosen, Job
from floe_images.runtime.assets.names import PROJECT_TAG, plain_name
from floe_images.runtime.assets.sensors import SENSOR_TAG
from floe_images.runtime.dbt.request import DbtRequest
from floe_images.runtime.dbt.translate import LOADED

_AGAIN = 3600.0  # seconds: after a run that failed, models are not asked for again at once
_GOING = (
    dagster.DagsterRunStatus.QUEUED,
    dagster.DagsterRunStatus.NOT_STARTED,
    dagster.DagsterRunStatus.STARTING,
    dagster.DagsterRunStatus.STARTED,
)


def freshness(
    sensor: SensorArtifact, job: Job, watched: Chosen, *, target: str, run: Runner, running: bool
) -> dagster.SensorDefinition:
    """One run of ``job`` when any of ``watched`` is older than ``max_age`` seconds, and none of the project's goes on.

    A model is as old as its last materialization on ``target``; one that was never made is too old. A source is as old
    as ``dbt source freshness`` says; one without ``loaded_at_field`` and ``freshness`` has no age. While a source stays
    too old a run is asked for once in ``max_age``; a model after a failed run after ``max_age`` or an hour.
    """
    limit = float(str(sensor.settings.get("max_age")))
    tags = {**job.tags, SENSOR_TAG: sensor.name}

    def evaluate(context: dagster.SensorEvaluationContext) -> dagster.SensorResult:
        now = time.time()
        asked = _asked(context.cursor)
        going = dagster.RunsFilter(tags={PROJECT_TAG: job.tags[PROJECT_TAG]}, statuses=list(_GOING))
        if context.instance.get_runs_count(going):
            return dagster.SensorResult(skip_reason="a run of this project is going on", cursor=context.cursor)
        stale = [name for name, made in _models(context.instance, watched, target) if now - made > limit]
        wait = min(limit, _AGAIN) if stale else limit
        if now - asked < wait:
            left = round(wait - (now - asked))
            return dagster.SensorResult(skip_reason=f"asked for a run; not again for {left} s", cursor=context.cursor)
        if not stale:
            stale = [name for name, loaded in _sources(watched, target, run) if now - loaded > limit]
        if not stale:
            return dagster.SensorResult(skip_reason="nothing is too old", cursor=context.cursor)
        return dagster.SensorResult(
            run_requests=[
                dagster.RunRequest(
                    run_key=f"{sensor.name}-{int(now)}",
                    run_config=job.config,
                    tags={**tags, "floe/stale": ", ".join(stale)[:255]},
                )
            ],
            cursor=json.dumps({"asked": now}),
        )

    return dagster.SensorDefinition(
        name=plain_name(sensor.name),
        evaluation_fn=evaluate,
        job=job.definition,
        minimum_interval_seconds=sensor.interval,
        default_status=dagster.DefaultSensorStatus.RUNNING if running else dagster.DefaultSensorStatus.STOPPED,
        description=f"When {' '.join(map(str, _watch(sensor)))} is older than {limit:g} s.",
    )


def _watch(sensor: SensorArtifact) -> tuple[object, ...]:
    watch = sensor.settings.get("watch")
    return watch if isinstance(watch, tuple) else ()


def _asked(cursor: str | None) -> float:
    """When a run was last asked for, in seconds since the epoch; 0 for never."""
    try:
        return float(json.loads(cursor or "{}").get("asked", 0))
    except (ValueError, TypeError, AttributeError):
        return 0.0


def _models(instance: dagster.DagsterInstance, watched: Chosen, target: str) -> Iterator[tuple[str, float]]:
    """Each asset with the time of its last materialization on ``target`` in seconds since the epoch; 0 for none."""
    for spec in watched.assets():
        event = instance.get_latest_materialization_event(spec.key)
        made = event.asset_materialization if event else None
        where = made.metadata.get("target") if made else None
        yield spec.key.to_user_string(), event.timestamp if event and where and where.value == target else 0.0


def _sources(watched: Chosen, target: str, run: Runner) -> Iterator[tuple[str, float]]:
    """Each source that has an age, with the time in seconds since the epoch that it was last loaded at."""
    for graph, unique_ids in watched.sources():
        names = {each: _selector(graph, each) for each in unique_ids}
        for unique_id, loaded in _loaded(graph, tuple(names.values()), target, run).items():
            yield names[unique_id].removeprefix("source:"), loaded


def _selector(graph: DbtGraph, unique_id: str) -> str:
    node = graph.manifest["sources"][unique_id]
    return f"source:{node['source_name']}.{node['name']}"


def _loaded(graph: DbtGraph, select: tuple[str, ...], target: str, run: Runner) -> Mapping[str, float]:
    request = DbtRequest(
        run_id="freshness",
        job="freshness",
        transform=graph.transform,
        target=target,
        select=select,
        command="freshness",
    )
    found: dict[str, float] = {}
    with closing(run(request)) as events:
        for event in events:
            if isinstance(event, Said) and event.unique_id and event.text.startswith(LOADED):
                when = datetime.fromisoformat(event.text.removeprefix(LOADED))
                found[event.unique_id] = (when if when.tzinfo else when.replace(tzinfo=timezone.utc)).timestamp()
    return found
