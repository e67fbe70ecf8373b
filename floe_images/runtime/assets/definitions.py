"""Artifacts and manifests → Dagster's Definitions, all of them."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import dagster

from floe_images.artifacts.codec import decode
from floe_images.artifacts.events import Event
from floe_images.artifacts.model import CompiledArtifacts, TargetArtifact
from floe_images.errors import ProjectError, UsageError
from floe_images.runtime.assets.alive import lock_folder
from floe_images.runtime.assets.columns import ColumnOrigins
from floe_images.runtime.assets.factory import Runner, World, transform_assets
from floe_images.runtime.assets.graph import DbtGraph, read_graph
from floe_images.runtime.assets.pools import pool_of
from floe_images.runtime.assets.triggers import make_triggers
from floe_images.runtime.assets.windows import common_windows
from floe_images.runtime.dbt.request import DbtRequest
from floe_images.runtime.execute import execute
from floe_images.runtime.manifests import read_manifest
from floe_images.runtime.observers import make_observers
from floe_images.runtime.places import Places


def definitions(
    artifacts: CompiledArtifacts | Path | str,
    *,
    places: Places | None = None,
    target: str | None = None,
    running: bool = False,
) -> dagster.Definitions:
    """The assets, checks, jobs, schedules and sensors of a project, for a code location.

    ``artifacts``: the value, or its file. ``places``: as the environment says unless given; where FLOE_HOME is not set,
    ``project``, ``data`` and ``manifests`` lie beside the file. ``target``: the default one unless given. ``running``:
    whether schedules and sensors are on until someone switches them off.

    Merge it with others: ``Definitions.merge(definitions("…/artifacts.json"), Definitions(assets=[…]))``.
    Raise ProjectError or UsageError.
    """
    if isinstance(artifacts, CompiledArtifacts):
        places = places or Places.of(os.environ)
    else:
        file = Path(artifacts)
        artifacts = _read(file)
        places = places or Places.of({"FLOE_HOME": str(file.absolute().parent), **os.environ})
    chosen = choose(artifacts, target)
    graphs = read_graphs(artifacts, places, chosen.name)
    made = make_assets(graphs, artifacts, chosen, places=places, run=own_runner(artifacts, places))
    triggers = make_triggers(
        artifacts,
        graphs,
        places=places,
        target=chosen.name,
        look=lambda request: execute(request, artifacts=artifacts, observers=(), places=places),
        running=running,
    )
    return dagster.Definitions(
        assets=[*made, *external(graphs)],
        jobs=triggers.jobs,
        schedules=triggers.schedules,
        sensors=triggers.sensors,
        executor=dagster.in_process_executor,
    )


def choose(artifacts: CompiledArtifacts, name: str | None) -> TargetArtifact:
    """The target of that name, or the default one. Raise UsageError."""
    target = artifacts.target(name or artifacts.default_target)
    if target is None:
        known = ", ".join(each.name for each in artifacts.targets)
        raise UsageError(f"no target {name!r} in floe.yaml", hint=f"the targets are: {known}")
    return target


def read_graphs(artifacts: CompiledArtifacts, places: Places, target: str) -> tuple[DbtGraph, ...]:
    """One for each dbt project. Raise ProjectError."""
    manifests = {
        transform.path: read_manifest(places.home, target, transform.path) for transform in artifacts.transforms
    }
    windows = common_windows(node for manifest in manifests.values() for _, node in sorted(manifest["nodes"].items()))
    waiting = [*artifacts.exports]
    graphs = []
    for path, manifest in manifests.items():
        graphs.append(read_graph(manifest, path, windows, waiting))
        waiting = [each for each in waiting if each.unique_id not in graphs[-1].exports]
    if waiting:
        raise ProjectError(
            f"exports in floe.yaml name {waiting[0].model}, which is no model, seed or snapshot with rows of its own"
        )
    return tuple(graphs)


def make_assets(
    graphs: tuple[DbtGraph, ...], artifacts: CompiledArtifacts, target: TargetArtifact, *, places: Places, run: Runner
) -> list[dagster.AssetsDefinition]:
    """What a run makes. A target on a DuckDB file has a pool of its own: its runs are queued, one after the other."""
    world = World(
        project=artifacts.name,
        target=target.name,
        pool=pool_of(target),
        locks=lock_folder(places.state),
        run=run,
        columns=lambda graph, name: ColumnOrigins(graph, artifacts.target(name), places=places, environ=os.environ),
    )
    try:
        return [transform_assets(graph, world) for graph in graphs]
    except dagster.DagsterError as fault:
        raise ProjectError(f"Dagster refuses the dbt project: {' '.join(str(fault).split())}") from None


def external(graphs: tuple[DbtGraph, ...]) -> list[dagster.AssetSpec]:
    """Sources and exposures, each key once; not those that another of the projects makes."""
    made = {spec.key for graph in graphs for spec in graph.assets.values()}
    found: dict[dagster.AssetKey, dagster.AssetSpec] = {}
    for graph in graphs:
        for spec in (*graph.sources.values(), *graph.exposures.values()):
            if spec.key not in made:
                found.setdefault(spec.key, spec)
    return list(found.values())


def own_runner(artifacts: CompiledArtifacts, places: Places) -> Runner:
    """Executes in a dbt worker that is started for it, and tells whoever floe.yaml names."""

    def run(request: DbtRequest) -> Generator[Event, None, None]:
        observers = make_observers(artifacts, places, os.environ, events=None)
        try:
            with closing(execute(request, artifacts=artifacts, observers=observers, places=places)) as events:
                yield from events
        finally:
            for observer in observers:
                observer.close()

    return run


def _read(file: Path) -> CompiledArtifacts:
    try:
        return decode(file.read_bytes(), where=str(file))
    except OSError as fault:
        raise ProjectError(f"the artifacts cannot be read: {fault.strerror}", where=str(file)) from None
