"""``python -m floe_images.runtime.assets.resolver MANIFEST``: selections in, the nodes that dbt selects out (JSON).

A process of its own, since it imports dbt. It needs no profile, no connection and no project's files.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from floe_images.runtime.dbt.prebuilt import to_manifest


def main() -> int:
    """Read a list of ``{"select": […], "exclude": […]}`` from stdin, write a list of lists of unique ids to stdout."""
    os.environ.update({"DO_NOT_TRACK": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"})
    wanted = json.load(sys.stdin)
    from dbt_common.exceptions import DbtBaseException

    try:
        answer = _resolve(sys.argv[1], wanted)
    except DbtBaseException as fault:
        sys.stderr.write(" ".join(str(fault).split()) + "\n")
        return 1
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def _resolve(path: str, wanted: list[dict[str, list[str]]]) -> list[list[str]]:
    from dbt.flags import set_from_args
    from dbt.graph import Graph, NodeSelector, parse_difference

    # dbt's default takes tests that also look at a table which is neither selected nor was ever made.
    set_from_args(argparse.Namespace(INDIRECT_SELECTION="buildable", WARN_ERROR=False, USE_FAST_TEST_EDGES=False), {})
    manifest = to_manifest(json.loads(Path(path).read_bytes()))
    manifest.build_parent_and_child_maps()
    selector = NodeSelector(Graph(_edges(manifest)), manifest)
    found = []
    for each in wanted:
        spec = parse_difference(each["select"] or None, each["exclude"] or None)
        found.append(sorted(selector.get_selected(spec)))
    return found


def _edges(manifest: Any) -> Any:
    """As dbt links its graph: https://networkx.org/documentation/stable/reference/classes/digraph.html"""
    import networkx  # type: ignore[import-untyped]  # comes with dbt

    graph = networkx.DiGraph()
    graph.add_nodes_from(manifest.child_map)
    graph.add_edges_from((parent, child) for parent, children in manifest.child_map.items() for child in children)
    return graph


if __name__ == "__main__":
    sys.exit(main())
