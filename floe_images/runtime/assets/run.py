"""One run in this process, recorded on Dagster's instance like one that the daemon started: the role ``run``."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import closing

from floe_images.runtime.assets.lean import import_dagster_dbt_alone

import_dagster_dbt_alone()

import dagster  # noqa: E402

from floe_images.artifacts.events import Event, Observer, Outcome, RunFinished  # noqa: E402
from floe_images.artifacts.model import CompiledArtifacts  # noqa: E402
from floe_images.errors import ProjectError  # noqa: E402
from floe_images.runtime.assets.alive import fail_dead_runs, lock_folder  # noqa: E402
from floe_images.runtime.assets.definitions import choose, external, make_assets, read_graphs  # noqa: E402
from floe_images.runtime.assets.graph import DbtGraph  # noqa: E402
from floe_images.runtime.assets.jobs import Chosen, choose_nodes, make_job, run_config  # noqa: E402
from floe_images.runtime.assets.names import ALL, SELECTION_TAG  # noqa: E402
from floe_images.runtime.assets.selection import Selection, resolve  # noqa: E402
from floe_images.runtime.dbt.process import DbtWorker  # noqa: E402
from floe_images.runtime.dbt.request import DbtRequest  # noqa: E402
from floe_images.runtime.execute import execute  # noqa: E402
from floe_images.runtime.manifests import manifest_path  # noqa: E402
from floe_images.runtime.places import Places  # noqa: E402
from floe_images.runtime.storage_fault import storage_fault  # noqa: E402

_WORST: tuple[Outcome, ...] = (
    "interrupted", "infrastructure", "configuration", "models_failed", "tests_failed", "success"
)  # fmt: skip

# Observers tell what happens; Dagster's console would tell it again, on twenty lines a node.
_SILENT = {"console": {"config": {"log_level": "CRITICAL"}}}


def run_pipeline(
    artifacts: CompiledArtifacts,
    *,
    places: Places | None = None,
    target: str | None = None,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    full_refresh: bool = False,
    observers: Sequence[Observer] = (),
    worker: DbtWorker | None = None,
) -> Outcome:
    """Run what dbt's selections select on ``target`` and return how it ended, the worst of several dbt projects.

    ``worker`` is one that was started before Dagster was imported; it is closed here. Observers are not closed.
    Raise ProjectError, UsageError or InfrastructureError before anything has run, and InfrastructureError,
    DiskFullError or DiskError where Dagster's storage is lost on the way: the run was ended, what it had made before is
    there, and its record is not complete.
    """
    places = places or Places.of(os.environ)
    waiting = [worker] if worker else []
    ends: list[Outcome] = []

    def run(request: DbtRequest) -> Generator[Event, None, None]:
        own = waiting.pop() if waiting else None
        with closing(execute(request, artifacts=artifacts, observers=observers, places=places, worker=own)) as events:
            for event in events:
                if isinstance(event, RunFinished):
                    ends.append(event.outcome)
                yield event

    try:
        chosen = choose(artifacts, target)
        graphs = read_graphs(artifacts, places, chosen.name)
        assets = make_assets(graphs, artifacts, chosen, places=places, run=run)
        everything = Chosen(graphs=graphs)
        whole = make_job(ALL, everything, project=artifacts.name, target=chosen.name)
        job = dagster.Definitions(assets=[*assets, *external(graphs)], jobs=[whole.definition]).resolve_job_def(ALL)
        selection = Selection(select=tuple(select), exclude=tuple(exclude))
        part = everything if selection.everything else _chosen(graphs, selection, places, chosen.name)
        if part is not everything:
            job = job.get_subset(
                asset_selection={spec.key for spec in part.assets()},
                asset_check_selection={spec.key for spec in part.checks()},
            )
        with dagster.DagsterInstance.get() as instance:
            fail_dead_runs(instance, lock_folder(places.state))
            result = job.execute_in_process(
                run_config={**run_config(part, target=chosen.name, full_refresh=full_refresh), "loggers": _SILENT},
                instance=instance,
                raise_on_error=False,
                tags={**whole.tags, **({} if part is everything else {SELECTION_TAG: _words(selection)[:255]})},
            )
    except Exception as fault:
        lost = storage_fault(fault, state=places.state, what="Dagster's storage was lost in the middle of the run")
        if lost is None or lost is fault:
            raise
        raise lost from fault
    finally:
        for left in waiting:
            left.close()
    if not ends:
        return "success" if result.success else "infrastructure"
    return min(ends, key=_WORST.index)


def _chosen(graphs: tuple[DbtGraph, ...], selection: Selection, places: Places, target: str) -> Chosen:
    """Raise ProjectError where nothing is selected in any of the projects."""
    found = {
        graph.transform: resolve(
            [selection], manifest=manifest_path(places.home, target, graph.transform), scratch=places.scratch
        )
        for graph in graphs
    }
    part = choose_nodes(graphs, selection, found)
    if not part.assets() and not part.checks():
        raise ProjectError(f"nothing of the dbt project is selected by {_words(selection)}")
    return part


def _words(selection: Selection) -> str:
    return " ".join([*selection.select, *(f"--exclude {each}" for each in selection.exclude)])
