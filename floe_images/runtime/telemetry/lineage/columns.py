"""Column lineage of a compiled model: each of its columns, and the columns of tables that it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from floe_images.artifacts.events import Column

LONGEST = 60_000  # characters of a statement that are looked at: beyond it takes seconds
_DIALECTS = {"postgres": "postgres", "redshift": "redshift", "snowflake": "snowflake", "bigquery": "bigquery",
             "databricks": "databricks", "duckdb": "duckdb"}  # fmt: skip


@dataclass(frozen=True, kw_only=True, order=True)
class Origin:
    """``table`` is a key of what `column_lineage` was given; ``subtype`` OpenLineage's word for what is done to it."""

    table: tuple[str, ...]
    column: str
    subtype: str


def column_lineage(
    sql: str, adapter: str, columns: Sequence[Column], tables: Mapping[tuple[str, ...], Sequence[Column]]
) -> dict[str, tuple[Origin, ...]]:
    """The origins of each column of ``columns``. ``tables``: what the statement may read, by the parts of its name.

    Empty where the statement is too long, or cannot be understood with certainty; never raises.
    """
    if not columns or not tables or len(sql) > LONGEST:
        return {}
    try:
        return _lineage(sql, _DIALECTS.get(adapter, ""), columns, tables)
    except Exception:  # any SQL of any database: sqlglot raises what it likes, up to RecursionError
        return {}


def _lineage(
    sql: str, dialect: str, columns: Sequence[Column], tables: Mapping[tuple[str, ...], Sequence[Column]]
) -> dict[str, tuple[Origin, ...]]:
    import sqlglot
    from sqlglot.lineage import lineage
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope

    known: dict[str, Any] = {}
    for table, its_columns in tables.items():
        level = known
        for part in table[:-1]:
            level = level.setdefault(part, {})
        # A column without a type is still a column; sqlglot wants some type.
        level[table[-1]] = {each.name: each.type or "TEXT" for each in its_columns}
    whole = {table: table for table in tables}
    lower = {tuple(part.lower() for part in table): table for table in tables}
    qualified = qualify(
        sqlglot.parse_one(sql, dialect=dialect),
        schema=known if all(its_columns for its_columns in tables.values()) else None,
        dialect=dialect,
        validate_qualify_columns=False,
        identify=False,
    )
    scope = build_scope(qualified)
    if scope is None:
        return {}
    outputs = {name.lower(): name for name in qualified.named_selects}
    found: dict[str, tuple[Origin, ...]] = {}
    for column in columns:
        selected = outputs.get(column.name.lower())
        if selected is None:
            continue
        root = lineage(selected, qualified, schema=None, dialect=dialect, scope=scope, copy=False)
        origins = set()
        for path in _paths(root):
            leaf = path[-1]
            if not isinstance(leaf.expression, sqlglot.exp.Table):
                continue
            named = tuple(part.name for part in leaf.expression.parts)
            origin = whole.get(named) or lower.get(tuple(part.lower() for part in named))
            if origin is not None:
                source = leaf.name.rsplit(".", 1)[-1].strip('"`')
                origins.add(Origin(table=origin, column=source, subtype=_subtype(path)))
        if origins:
            found[column.name] = tuple(sorted(origins))
    return found


def _paths(node: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """From the column down to each table that it comes from."""
    path = (*before, node)
    if not node.downstream:
        yield path
    for below in node.downstream:
        yield from _paths(below, path)


def _subtype(path: tuple[Any, ...]) -> str:
    """IDENTITY, AGGREGATION or TRANSFORMATION, over all steps from the table to the column."""
    from sqlglot import exp

    steps = [node.expression.unalias() for node in path[:-1] if not isinstance(node.expression, exp.Query)]
    if any(step.find(exp.AggFunc) for step in steps):
        return "AGGREGATION"
    return "IDENTITY" if all(isinstance(step, exp.Column | exp.Star) for step in steps) else "TRANSFORMATION"
