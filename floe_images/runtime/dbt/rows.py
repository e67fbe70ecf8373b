"""A relation of dbt's as Arrow data in batches, whatever its size, on DuckDB and on PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from floe_images.errors import ProjectError
from floe_images.runtime.dbt.export import select

if TYPE_CHECKING:
    import pyarrow as pa

READABLE = ("duckdb", "postgres")
_ROWS = 65_536  # of one batch from DuckDB
_FETCHED = 10_000  # from PostgreSQL, where each is a Python object on the way
_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")
_LARGEST = (38, 18)  # of a numeric without bounds: an average has 16 digits behind the point
# https://www.postgresql.org/docs/current/datatype.html, as format_type() names them; all others are read as text.
_TYPES: dict[str, Callable[[Any], Any]] = {
    "boolean": lambda pa: pa.bool_(),
    "smallint": lambda pa: pa.int32(),
    "integer": lambda pa: pa.int32(),
    "bigint": lambda pa: pa.int64(),
    "real": lambda pa: pa.float32(),
    "double precision": lambda pa: pa.float64(),
    "date": lambda pa: pa.date32(),
    "time without time zone": lambda pa: pa.time64("us"),
    "timestamp without time zone": lambda pa: pa.timestamp("us"),
    "timestamp with time zone": lambda pa: pa.timestamp("us", tz="UTC"),
    "bytea": lambda pa: pa.binary(),
}


@contextmanager
def rows_of(adapter: Any, relation: Any) -> Iterator[pa.RecordBatchReader]:
    """Of dbt's ``adapter``, which has a connection in this thread. Raise ProjectError for values that do not fit."""
    handle = adapter.connections.get_thread_connection().handle
    if adapter.type() == "duckdb":
        cursor = handle.cursor()
        yield cursor.execute(select(cursor, str(relation))).to_arrow_reader(_ROWS)
        return
    yield from _postgres(handle, str(relation))


def _postgres(handle: Any, relation: str) -> Iterator[pa.RecordBatchReader]:
    import pyarrow as pa

    with handle.cursor() as cursor:
        cursor.execute(
            "select attname, regexp_replace(format_type(atttypid, atttypmod), '^(time[a-z]*)[(][0-9][)]', '\\1') "
            "from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
            (relation,),
        )
        columns = cursor.fetchall()
    schema = pa.schema([(name, _type(pa, kind)) for name, kind in columns])
    wanted = ", ".join(_expression(name, kind) for name, kind in columns)
    # A cursor with a name is the server's own: rows come as they are asked for.
    with handle.cursor(name="floe_export") as cursor:
        cursor.itersize = _FETCHED
        cursor.execute(f"select {wanted} from {relation}")  # noqa: S608 (dbt quoted the name)
        yield pa.RecordBatchReader.from_batches(schema, _batches(pa, cursor, schema))


def _batches(pa: Any, cursor: Any, schema: Any) -> Iterator[Any]:
    while rows := cursor.fetchmany(_FETCHED):
        arrays = []
        for field, values in zip(schema, zip(*rows, strict=True), strict=True):
            try:
                arrays.append(pa.array([bytes(each) if isinstance(each, memoryview) else each for each in values],
                                       field.type))  # fmt: skip
            except (pa.ArrowInvalid, OverflowError) as fault:
                raise ProjectError(
                    f"the column {field.name} has a value that {field.type} cannot hold: {fault}",
                    hint="cast it in the model, such as to numeric(18, 4)",
                ) from None
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _type(pa: Any, kind: str) -> Any:
    found = _NUMERIC.fullmatch(kind)
    if kind == "numeric" or (found and int(found[1]) <= _LARGEST[0]):
        precision, scale = (int(found[1]), int(found[2])) if found else _LARGEST
        return pa.decimal128(precision, scale)
    return _TYPES[kind](pa) if kind in _TYPES else pa.string()


def _expression(name: str, kind: str) -> str:
    quoted = '"' + name.replace('"', '""') + '"'
    found = _NUMERIC.fullmatch(kind)
    fits = kind in _TYPES or kind == "numeric" or (found and int(found[1]) <= _LARGEST[0])
    return quoted if fits else f"{quoted}::text as {quoted}"
