"""The asset factory: one subsettable multi-asset a dbt project, whose op is exactly one dbt invocation."""

# No `from __future__ import annotations`: Dagster looks at the type of an op's context, and takes no text for one.
import contextlib
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster

from floe_images.artifacts.events import Event, NodeFinished, RunFinished, Said
from floe_images.runtime.assets.alive import alive, fail_dead_runs, whole_run
from floe_images.runtime.assets.buildable import buildable
from floe_images.runtime.assets.columns import ColumnOrigins
from floe_images.runtime.assets.graph import DbtGraph
from floe_images.runtime.assets.names import PROJECT_TAG, SELECTION_TAG, TARGET_TAG, op_name
from floe_images.runtime.assets.partitions import partition_of
from floe_images.runtime.assets.results import checked, materialized
from floe_images.runtime.dbt.request import DbtRequest

#: Who does what a request asks for: `execute`, with artifacts and observers bound.
Runner = Callable[[DbtRequest], Generator[Event, None, None]]

_MADE = ("success", "warn")


@dataclass(frozen=True, kw_only=True)
class World:
    """What assets run in. ``target`` runs unless a run's configuration names another; ``pool`` limits concurrency.

    ``locks`` is the folder where a run holds its lock (`alive`); ``columns`` is asked once a run, with its target.
    """

    project: str
    target: str
    pool: str | None
    locks: Path
    run: Runner
    columns: Callable[[DbtGraph, str], ColumnOrigins]


def transform_assets(graph: DbtGraph, world: World) -> dagster.AssetsDefinition:
    """The assets and checks of one dbt project."""
    assets = {spec.key: unique_id for unique_id, spec in graph.assets.items()}
    checks = {spec.key: unique_id for unique_id, spec in graph.checks.items()}

    def compute(context: dagster.AssetExecutionContext) -> Iterator[Any]:
        config = context.op_execution_context.op_config
        chosen = {assets[key] for key in context.selected_asset_keys}
        tests = {checks[key] for key in context.selected_asset_check_keys if key in checks}
        if context.run.asset_selection and SELECTION_TAG not in context.run.tags:
            tests = buildable(graph.manifest, chosen - graph.exports.keys(), tests)
        partition, window = partition_of(context)
        everything = len(chosen) == len(assets) and len(tests) == len(checks)
        nodes, exports = (chosen - graph.exports.keys()) | tests, chosen & graph.exports.keys()
        request = DbtRequest(
            run_id=context.run.run_id,
            job=context.run.job_name,
            transform=graph.transform,
            target=config["target"],
            select=() if everything else _exactly(graph, nodes),
            exact=not everything,
            full_refresh=config["full_refresh"],
            partition=partition,
            window=window,
            command="build" if nodes else "export",
            exports=tuple(sorted(exports)),
        )
        tags = {PROJECT_TAG: world.project, TARGET_TAG: request.target}
        if any(context.run.tags.get(name) != value for name, value in tags.items()):
            context.instance.add_run_tags(context.run.run_id, tags)
        fail_dead_runs(context.instance, world.locks)
        lock = alive(world.locks, request.run_id, whole=whole_run(context.job_def))
        with lock, _interrupts(), contextlib.closing(world.run(request)) as events:
            columns = world.columns(graph, request.target)
            for event in events:
                yield from _record(context, graph, event, chosen, tests, target=request.target, columns=columns)

    return dagster.multi_asset(
        name=op_name(graph.transform),
        specs=list(graph.assets.values()),
        check_specs=list(graph.checks.values()),
        can_subset=True,
        pool=world.pool,
        backfill_policy=dagster.BackfillPolicy.single_run(),
        allow_arbitrary_check_specs=True,
        config_schema={
            "target": dagster.Field(str, default_value=world.target, description="A target of floe.yaml."),
            "full_refresh": dagster.Field(bool, default_value=False, description="Make incremental models anew."),
        },
    )(compute)


def _exactly(graph: DbtGraph, unique_ids: set[str]) -> tuple[str, ...]:
    """dbt's selection of these nodes: https://docs.getdbt.com/reference/node-selection/methods#fqn"""
    manifest = graph.manifest
    found = (manifest["nodes"].get(each) or manifest["unit_tests"][each] for each in sorted(unique_ids))
    return tuple(f"fqn:{'.'.join(node['fqn'])}" for node in found)


def _record(
    context: dagster.AssetExecutionContext,
    graph: DbtGraph,
    event: Event,
    chosen: set[str],
    tests: set[str],
    *,
    target: str,
    columns: ColumnOrigins,
) -> Iterator[Any]:
    """Raise dagster.Failure at the end of an invocation that is no success: all that was done is recorded by then."""
    if isinstance(event, NodeFinished):
        if event.unique_id in chosen and event.status in _MADE:
            exported = event.unique_id in graph.exports
            node = {} if exported else graph.manifest["nodes"][event.unique_id]
            origins = None if exported else columns.of(event)
            yield materialized(event, graph.assets[event.unique_id].key, target=target, node=node, origins=origins)
        elif event.unique_id in tests and event.status != "skipped":
            yield checked(event, graph.checks[event.unique_id].key)
        if event.status == "error":
            context.log.error(f"{event.name}: {event.message}")
    elif isinstance(event, Said) and event.level != "debug":
        getattr(context.log, {"warn": "warning"}.get(event.level, event.level))(event.text)
    elif isinstance(event, RunFinished) and event.outcome != "success":
        if event.outcome == "interrupted":
            raise dagster.DagsterExecutionInterruptedError
        raise dagster.Failure(
            description=event.message or event.outcome, metadata={"outcome": event.outcome}, allow_retries=False
        )


@contextlib.contextmanager
def _interrupts() -> Iterator[None]:
    """An interrupt is a KeyboardInterrupt here, which the dbt worker's reader turns into dbt's own orderly end.

    Dagster's handler raises an exception of its own, which would leave that end unheard.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.signal(each, signal.default_int_handler) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
