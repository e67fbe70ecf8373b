"""Where the nodes of a run lie and what columns they have: what the manifest says, and what the run has seen since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from floe_images.artifacts.events import Column, NodeFinished
from floe_images.runtime.telemetry.graph import Graph
from floe_images.runtime.telemetry.lineage import names
from floe_images.runtime.telemetry.lineage.columns import LONGEST, Origin, column_lineage


@dataclass(frozen=True, kw_only=True)
class Source:
    """A column that another is made of. ``table`` has the parts of the name of where the node ``unique_id`` lies.

    ``subtype`` is OpenLineage's word for what is done to it.
    """

    unique_id: str
    table: tuple[str, ...]
    column: str
    subtype: str


class Relations:
    """``known`` is for `made_known`."""

    def __init__(self, graph: Graph, *, adapter: str, known: tuple[str | None, str | None] = (None, None)) -> None:
        self._graph, self._adapter, self._known = graph, adapter, known
        self._relations: dict[str, str] = {}
        self._columns: dict[str, Sequence[Column]] = {}

    def learn(self, event: NodeFinished) -> None:
        """What the database has is truer than what the manifest said when the image was built."""
        if event.relation:
            self._relations[event.unique_id] = event.relation
        if event.columns:
            self._columns[event.unique_id] = event.columns

    def relation(self, unique_id: str) -> str | None:
        """The quoted name; None where nothing lies in the database under that id."""
        if unique_id in self._relations:
            return self._relations[unique_id]
        node = self._graph.node(unique_id)
        return names.made_known(node.relation, self._known) if node and node.relation else None

    def columns(self, unique_id: str) -> Sequence[Column]:
        """Those that the run has seen, else those that are documented."""
        node = self._graph.node(unique_id)
        return self._columns.get(unique_id) or (node.columns if node else ())

    def made_of(self, event: NodeFinished, *, longest: int = LONGEST) -> dict[str, tuple[Source, ...]]:
        """What each column of a model or snapshot is made of, as far as its SQL says; never raises.

        ``longest``: of the statements that are looked at, in characters.
        """
        if not event.sql or len(event.sql) > longest or event.resource_type not in ("model", "snapshot"):
            return {}
        ids, tables = {}, {}
        for node in self._graph.inputs(event.unique_id):
            relation = self.relation(node.unique_id)
            if relation:
                table = names.parts(relation)
                ids[table], tables[table] = node.unique_id, self.columns(node.unique_id)
        # SQL may write a column in other letters than the database does.
        spelt = {table: {each.name.lower(): each.name for each in columns} for table, columns in tables.items()}

        def source(origin: Origin) -> Source:
            column = spelt[origin.table].get(origin.column.lower(), origin.column)
            return Source(unique_id=ids[origin.table], table=origin.table, column=column, subtype=origin.subtype)

        return {
            column: tuple(map(source, origins))
            for column, origins in column_lineage(event.sql, self._adapter, event.columns, tables).items()
        }
