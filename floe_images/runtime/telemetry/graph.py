"""What telemetry has to know of dbt's graph: which nodes there are, on what they build, and where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from floe_images.artifacts.events import Column
from floe_images.errors import FloeError
from floe_images.runtime.manifests import read_manifest

TESTS = frozenset({"test", "unit_test"})
ASSETS = frozenset({"model", "seed", "snapshot"})


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node of the manifest. ``relation`` is its quoted name in the database; ``columns`` those that are documented.

    For a test ``tested`` is the node that it belongs to, ``check`` the generic test's name, ``column`` its column.
    """

    unique_id: str
    resource_type: str
    name: str
    description: str
    materialized: str
    relation: str | None
    columns: tuple[Column, ...]
    parents: tuple[str, ...]
    tested: str | None
    check: str | None
    column: str | None
    severity: str


class Graph:
    """The nodes and sources of one manifest, by dbt's unique id."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._nodes = dict(nodes)

    def node(self, unique_id: str) -> Node | None:
        return self._nodes.get(unique_id)

    def named(self, name: str) -> Node | None:
        """The model, seed or snapshot of that name."""
        return next((node for node in self._nodes.values() if node.name == name and node.resource_type in ASSETS), None)

    def inputs(self, unique_id: str) -> tuple[Node, ...]:
        """The parents that lie in the database; an ephemeral model's parents stand for it."""
        found: dict[str, Node] = {}
        node = self._nodes.get(unique_id)
        todo = list(node.parents) if node else []
        seen: set[str] = set()
        while todo:
            parent = self._nodes.get(todo.pop(0))
            if parent is None or parent.unique_id in seen:
                continue
            seen.add(parent.unique_id)
            if parent.materialized == "ephemeral":
                todo.extend(parent.parents)
            elif parent.relation:
                found[parent.unique_id] = parent
        return tuple(found.values())


class Graphs:
    """Reads a manifest once for all who ask for it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._read: dict[tuple[str, str], Graph] = {}

    def of(self, target: str, transform: str) -> Graph:
        """An empty graph where the manifest cannot be read: telemetry then tells what the events alone say."""
        key = (target, transform)
        if key not in self._read:
            try:
                self._read[key] = parse(read_manifest(self._home, target, transform))
            except FloeError:
                self._read[key] = Graph({})
        return self._read[key]


def parse(manifest: Mapping[str, Any]) -> Graph:
    """https://schemas.getdbt.com/dbt/manifest/v12.json; what a node does not have is empty."""
    nodes: dict[str, Node] = {}
    for section in ("sources", "nodes", "unit_tests"):
        for unique_id, raw in (manifest.get(section) or {}).items():
            nodes[unique_id] = _node(unique_id, raw)
    return Graph(nodes)


def _node(unique_id: str, raw: Mapping[str, Any]) -> Node:
    config, test = raw.get("config") or {}, raw.get("test_metadata") or {}
    parents = tuple((raw.get("depends_on") or {}).get("nodes") or ())
    kind = str(raw.get("resource_type", ""))
    return Node(
        unique_id=unique_id,
        resource_type=kind,
        name=str(raw.get("name", unique_id)),
        description=str(raw.get("description") or ""),
        materialized=str(config.get("materialized") or ""),
        relation=raw.get("relation_name"),
        columns=tuple(
            Column(name=str(each.get("name")), type=str(each.get("data_type") or ""))
            for each in (raw.get("columns") or {}).values()
        ),
        parents=parents,
        tested=(raw.get("attached_node") or next(iter(parents), None)) if kind in TESTS else None,
        check=test.get("name"),
        column=raw.get("column_name"),
        severity=str(config.get("severity") or "error").lower(),
    )
