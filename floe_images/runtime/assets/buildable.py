"""Which tests a run of a part of the graph can pass: dbt's indirect selection ``buildable``, for parts chosen in a UI.

dbt selections are resolved so by dbt itself (`resolver`); Dagster takes every check of the assets that are chosen, also
one that compares them with a table that was never made.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any


def buildable(manifest: Mapping[str, Any], chosen: Set[str], tests: Set[str]) -> set[str]:
    """Of ``tests`` those that look at nothing but ``chosen`` and what that is made of; all where nothing is chosen.

    All by dbt's unique ids: https://docs.getdbt.com/reference/node-selection/test-selection-examples
    """
    if not chosen:
        return set(tests)
    parents: Mapping[str, list[str]] = manifest["parent_map"]
    known, todo = set(chosen), list(chosen)
    while todo:
        new = set(parents.get(todo.pop(), ())) - known
        known |= new
        todo += new
    return {test for test in tests if all(each in known or each.startswith("source.") for each in parents[test])}
