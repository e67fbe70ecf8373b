"""Column lineage of what a run makes, in Dagster's words: each column, and the columns of assets that it is made of."""

from __future__ import annotations

from collections.abc import Mapping

import dagster

from floe_images.artifacts.events import NodeFinished
from floe_images.artifacts.model import TargetArtifact
from floe_images.runtime.assets.graph import DbtGraph
from floe_images.runtime.places import Places
from floe_images.runtime.telemetry.graph import parse
from floe_images.runtime.telemetry.lineage.names import unknown_at_build
from floe_images.runtime.telemetry.lineage.relations import Relations

_LONGEST = 10_000  # characters of a statement: half a second of CPU at worst, while dbt is at the next node


class ColumnOrigins:
    """Of one run: hand every node that dbt has made to `of`, since what is built on it asks for its columns."""

    def __init__(
        self, graph: DbtGraph, target: TargetArtifact | None, *, places: Places, environ: Mapping[str, str]
    ) -> None:
        known = unknown_at_build(target, places=places, environ=environ) if target else (None, None)
        adapter = target.adapter if target else ""
        self._relations = Relations(parse(graph.manifest), adapter=adapter, known=known)
        self._keys = graph.keys

    def of(self, event: NodeFinished) -> dagster.TableColumnLineage | None:
        """None where SQL does not say it with certainty."""
        self._relations.learn(event)
        found = {
            column: [
                dagster.TableColumnDep(asset_key=self._keys[each.unique_id], column_name=each.column)
                for each in sources
                if each.unique_id in self._keys
            ]
            for column, sources in self._relations.made_of(event, longest=_LONGEST).items()
        }
        return dagster.TableColumnLineage(deps_by_column=found) if any(found.values()) else None
