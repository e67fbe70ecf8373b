"""Jobs: one of everything, and one for each selection or target that a schedule or a sensor has of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster

from floe_images.runtime.assets.graph import DbtGraph
from floe_images.runtime.assets.names import ALL, PROJECT_TAG, TARGET_TAG, op_name
from floe_images.runtime.assets.selection import Selection


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What one selection selects: dbt's unique ids for each project, in the order of `graphs`. None is everything."""

    graphs: tuple[DbtGraph, ...]
    unique_ids: tuple[frozenset[str], ...] | None = None

    def assets(self) -> list[dagster.AssetSpec]:
        return [
            spec for graph, ids in self._each() for each, spec in graph.assets.items() if ids is None or each in ids
        ]

    def checks(self) -> list[dagster.AssetCheckSpec]:
        return [
            spec for graph, ids in self._each() for each, spec in graph.checks.items() if ids is None or each in ids
        ]

    def sources(self) -> Iterator[tuple[DbtGraph, list[str]]]:
        """Each project with the unique ids of its chosen sources that dbt can tell the age of."""
        for graph, ids in self._each():
            dated = [
                each
                for each, node in sorted(graph.manifest["sources"].items())
                if (ids is None or each in ids) and node.get("loaded_at_field") and _has_criteria(node)
            ]
            if dated:
                yield graph, dated

    def ops(self) -> list[str]:
        """The ops of the projects that something is selected of."""
        return [
            op_name(graph.transform)
            for graph, ids in self._each()
            if ids is None or not ids.isdisjoint((*graph.assets, *graph.checks))
        ]

    def partitions(self) -> dagster.PartitionsDefinition | None:
        """All partitioned assets of a location share one definition."""
        return next((spec.partitions_def for spec in self.assets() if spec.partitions_def), None)

    def _each(self) -> list[tuple[DbtGraph, frozenset[str] | None]]:
        ids = self.unique_ids or (None,) * len(self.graphs)
        return list(zip(self.graphs, ids, strict=True))


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job with what is needed to ask for a run of it."""

    definition: Any
    name: str
    config: Mapping[str, object]
    partitions: dagster.PartitionsDefinition | None
    tags: Mapping[str, str]


def make_job(name: str, chosen: Chosen, *, project: str, target: str, full_refresh: bool = False) -> Job:
    """The job ``name`` of what is ``chosen``, on ``target``."""
    config = run_config(chosen, target=target, full_refresh=full_refresh)
    tags = {PROJECT_TAG: project, TARGET_TAG: target}
    assets = dagster.AssetSelection.assets(*(spec.key for spec in chosen.assets())).without_checks()
    checks = dagster.AssetSelection.checks(*(spec.key for spec in chosen.checks()))
    return Job(
        definition=dagster.define_asset_job(
            name,
            selection=assets | checks,
            config=config,
            tags=tags,
            description=f"Everything, on {target}." if name == ALL else f"What {name} runs, on {target}.",
            executor_def=dagster.in_process_executor,
        ),
        name=name,
        config=config,
        partitions=chosen.partitions(),
        tags=tags,
    )


def run_config(chosen: Chosen, *, target: str, full_refresh: bool) -> dict[str, object]:
    """Of the ops in `factory`."""
    config = {"target": target, "full_refresh": full_refresh}
    return {"ops": {op: {"config": config} for op in chosen.ops()}}


def choose_nodes(
    graphs: tuple[DbtGraph, ...],
    selection: Selection,
    found: Mapping[str, Mapping[Selection, frozenset[str]]],
    *,
    exports: bool = True,
) -> Chosen:
    """``found`` is by project (its path in the artifacts) what `selection.resolve` said.

    ``exports``: whether what is chosen is exported as well.
    """
    if selection.everything:
        return Chosen(graphs=graphs)
    selected = tuple(found[graph.transform][selection] for graph in graphs)
    ids = tuple(map(_with_exports, graphs, selected)) if exports else selected
    return Chosen(graphs=graphs, unique_ids=ids)


def _with_exports(graph: DbtGraph, selected: frozenset[str]) -> frozenset[str]:
    """What is made anew is exported anew."""
    return selected | {export for export, node in graph.exports.items() if node in selected}


def _has_criteria(node: Mapping[str, Any]) -> bool:
    """dbt looks at a source's age only where it says when to warn: any time will do."""
    freshness = node.get("freshness") or {}
    return any((freshness.get(each) or {}).get("count") for each in ("warn_after", "error_after"))
