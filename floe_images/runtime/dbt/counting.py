"""How many rows a relation has and of which columns, asked through dbt's adapter after the relation was made."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_UNCOUNTED = ("view", "ephemeral", "materialized_view", "streaming_table", "dynamic_table")
_PATIENCE = 1000  # ms that a count may take on PostgreSQL, which reads the whole table for it


@dataclass(frozen=True, kw_only=True)
class Counted:
    """``columns`` are (name, type in the database's words)."""

    rows: int | None = None
    columns: tuple[tuple[str, str], ...] = ()


class Counter:
    """Callable: a node of dbt's and its adapter's response in, `Counted` out. What cannot be counted is None."""

    def __init__(self, adapter: str, *, say: Callable[[str, str], None]) -> None:
        self._name = adapter
        self._say = say

    @functools.cached_property
    def _adapter(self) -> Any:
        """dbt makes it when an invocation begins."""
        from dbt.adapters.factory import FACTORY

        return FACTORY.lookup_adapter(self._name)

    def __call__(self, node: Any, response: Mapping[str, Any]) -> Counted:
        if str(node.resource_type) not in ("model", "seed", "snapshot"):
            return Counted()
        try:
            relation = self._adapter.Relation.create_from(self._adapter.config, node)
            with self._adapter.connection_named(f"floe_{node.unique_id}"):
                return Counted(rows=self._rows(node, relation, response), columns=self._columns(relation))
        except Exception as fault:  # the relation is there: not to know its size fails no run
            self._say("debug", f"{node.unique_id} could not be counted: {type(fault).__name__}: {fault}")
            return Counted()

    def _rows(self, node: Any, relation: Any, response: Mapping[str, Any]) -> int | None:
        kind = str(node.config.materialized)
        if kind in _UNCOUNTED:
            return None
        known = _known(self._adapter.type(), kind, response)
        if known is not None:
            return known
        sql = f"select count(*) from {relation}"  # noqa: S608 (dbt quoted the name)
        if self._adapter.type() == "postgres":
            sql = f"set local statement_timeout = {_PATIENCE}; {sql}"
        _, table = self._adapter.execute(sql, fetch=True)
        return int(table.rows[0][0])

    def _columns(self, relation: Any) -> tuple[tuple[str, str], ...]:
        found = self._adapter.get_columns_in_relation(relation)
        return tuple((str(column.name), _type(column)) for column in found)


def _known(adapter: str, kind: str, response: Mapping[str, Any]) -> int | None:
    """The rows that the adapter counted itself, where it means the whole relation."""
    rows = response.get("rows_affected")
    if not isinstance(rows, int | float) or rows < 0:
        return None
    # CREATE TABLE AS answers `SELECT 123` on PostgreSQL; Snowflake answers 1, whatever was made.
    made_whole = adapter == "postgres" and kind == "table" and response.get("code") == "SELECT"
    return int(rows) if made_whole or kind == "seed" else None


def _type(column: Any) -> str:
    """dbt says ``character varying(256)`` of any text whose length the database does not limit."""
    unlimited = column.is_string() and not column.char_size
    return str(column.dtype if unlimited else column.data_type)
