"""Everything that sets runs off: the jobs, schedules and sensors of one code location."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dagster

from floe_images.artifacts.model import CompiledArtifacts, ScheduleArtifact, SensorArtifact
from floe_images.errors import ProjectError, UsageError
from floe_images.runtime.assets.alive import lock_folder
from floe_images.runtime.assets.factory import Runner
from floe_images.runtime.assets.freshness import freshness
from floe_images.runtime.assets.graph import DbtGraph
from floe_images.runtime.assets.jobs import Chosen, Job, choose_nodes, make_job
from floe_images.runtime.assets.maintenance import maintenance_job, maintenance_schedule
from floe_images.runtime.assets.names import ALL, MAINTENANCE, op_name, plain_name, unlike
from floe_images.runtime.assets.schedules import make_schedule
from floe_images.runtime.assets.selection import Selection, resolve
from floe_images.runtime.assets.sensors import available, file_arrival, run_status
from floe_images.runtime.manifests import manifest_path
from floe_images.runtime.places import Places


@dataclass(frozen=True, kw_only=True)
class Triggers:
    jobs: tuple[Any, ...]
    schedules: tuple[dagster.ScheduleDefinition, ...]
    sensors: tuple[dagster.SensorDefinition, ...]


def make_triggers(
    artifacts: CompiledArtifacts,
    graphs: tuple[DbtGraph, ...],
    *,
    places: Places,
    target: str,
    look: Runner,
    running: bool,
) -> Triggers:
    """``target`` is the location's; ``look`` runs dbt for the age of sources. Raise ProjectError, UsageError.

    A schedule or sensor without a selection and a target of its own runs the job ``all``; else it has a job of its
    own name. A selection that selects nothing is refused here, when the location loads.
    """
    wanted = artifacts.orchestration
    sensors = [sensor for sensor in wanted.sensors if available(sensor)]
    found = _found(wanted.schedules, sensors, graphs, places=places, target=target)
    jobs = {ALL: make_job(ALL, Chosen(graphs=graphs), project=artifacts.name, target=target)}
    taken = {ALL, MAINTENANCE, *(op_name(graph.transform) for graph in graphs)}

    def job_for(trigger: ScheduleArtifact | SensorArtifact) -> Job:
        if trigger.target is not None and artifacts.target(trigger.target) is None:
            raise UsageError(f"{trigger.name}: no target {trigger.target!r} in floe.yaml")
        selection, own = _selection(trigger), trigger.target or target
        if selection.everything and own == target:
            return jobs[ALL]
        chosen = choose_nodes(graphs, selection, found)
        if not chosen.assets() and not chosen.checks():
            raise ProjectError(f"{trigger.name} in floe.yaml selects nothing of the dbt project")
        name = unlike(plain_name(trigger.name), taken)
        taken.add(name)
        jobs[name] = make_job(name, chosen, project=artifacts.name, target=own)
        return jobs[name]

    def sensor_for(sensor: SensorArtifact) -> dagster.SensorDefinition:
        if sensor.type == "run_status":
            return run_status(sensor, job_for(sensor), running=running)
        if sensor.type == "file_arrival":
            return file_arrival(sensor, job_for(sensor), places=places, running=running)
        watched = choose_nodes(graphs, _watched(sensor), found, exports=False)
        if not watched.assets() and not any(watched.sources()):
            raise ProjectError(
                f"{sensor.name} in floe.yaml watches nothing that has an age",
                hint="models, seeds and snapshots have one; sources with loaded_at_field and freshness",
            )
        own = sensor.target or target
        return freshness(sensor, job_for(sensor), watched, target=own, run=look, running=running)

    schedules = tuple(make_schedule(each, job_for(each), running=running) for each in wanted.schedules)
    made = tuple(sensor_for(sensor) for sensor in sensors)
    if wanted.maintenance:
        job = maintenance_job(wanted.maintenance, project=artifacts.name, locks=lock_folder(places.state))
        jobs[MAINTENANCE] = job
        schedules = (*schedules, maintenance_schedule(wanted.maintenance, job, running=running))
    return Triggers(jobs=tuple(job.definition for job in jobs.values()), schedules=schedules, sensors=made)


def _found(
    schedules: Sequence[ScheduleArtifact],
    sensors: Sequence[SensorArtifact],
    graphs: tuple[DbtGraph, ...],
    *,
    places: Places,
    target: str,
) -> dict[str, dict[Selection, frozenset[str]]]:
    selections = {*map(_selection, schedules), *map(_selection, sensors)}
    selections |= {_watched(each) for each in sensors if each.type == "freshness"}
    asked = [each for each in selections if not each.everything]
    return {
        graph.transform: resolve(
            asked, manifest=manifest_path(places.home, target, graph.transform), scratch=places.scratch
        )
        for graph in graphs
    }


def _selection(trigger: ScheduleArtifact | SensorArtifact) -> Selection:
    exclude = trigger.exclude if isinstance(trigger, ScheduleArtifact) else ()
    return Selection(select=trigger.select, exclude=exclude)


def _watched(sensor: SensorArtifact) -> Selection:
    watch = sensor.settings.get("watch")
    return Selection(select=tuple(str(each) for each in watch) if isinstance(watch, tuple) else ())
