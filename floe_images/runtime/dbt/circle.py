"""Models that refer to each other in a circle: dbt reads such a project, and no run of it can begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any


def circle(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of nodes of which each refers to the next and the last to the first; none where there is no circle.

    ``manifest``: dbt's, of which ``parent_map`` (unique id → unique ids) is read.
    """
    parents: Mapping[str, Sequence[str]] = manifest.get("parent_map") or {}
    try:
        TopologicalSorter(parents).prepare()
    except CycleError as fault:
        return tuple(str(each).rpartition(".")[2] for each in reversed(fault.args[1][:-1]))
    return ()
