"""CSV files that came with the image as tables of a PostgreSQL, for the dbt sources that ask for it.

A source asks with ``meta: {floe: {load: {file: "{name}.csv", "null": NA}}}``; DuckDB reads such files in place.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from floe_images.errors import InfrastructureError, ProjectError, disk_error
from floe_images.runtime.dbt.outcome import is_infrastructure, one_line

_LOCK = 0x666C6F64  # any number that nobody else takes for an advisory lock of this database
_VARIABLE = re.compile(r"\{\{ env_var\('([A-Z0-9_]+)'\) \}\}")
_OPTIONS = {"host": "host", "port": "port", "user": "user", "password": "password", "database": "dbname",
            "sslmode": "sslmode", "sslrootcert": "sslrootcert"}  # fmt: skip


@dataclass(frozen=True, kw_only=True, order=True)
class Load:
    """``file`` is relative to the data folder; its fields that are ``null`` without quotes are NULL."""

    schema: str
    table: str
    file: str
    null: str

    @property
    def name(self) -> str:
        return f"{self.schema}.{self.table}"


def asked(sources: Iterable[Mapping[str, Any]]) -> tuple[Load, ...]:
    """What sources of a dbt manifest ask for (``schema``, ``identifier``, ``name``, ``meta``). Raise ProjectError."""
    found = set()
    for source in sources:
        floe = (source.get("meta") or {}).get("floe")
        wanted = floe.get("load") if isinstance(floe, Mapping) else None
        if wanted is None:
            continue
        where = f"source {source['name']}: meta.floe.load"
        if (
            not isinstance(wanted, Mapping)
            or not isinstance(wanted.get("file"), str)
            or wanted.keys() - {"file", "null"}
        ):
            raise ProjectError("this takes file, and null if there is one", where=where)
        file, null = wanted["file"].replace("{name}", source["name"]), str(wanted.get("null", ""))
        if file.startswith("/") or ".." in file.split("/"):
            raise ProjectError("file is relative to the folder of floe.yaml's data files", where=where)
        found.add(Load(schema=source["schema"], table=source["identifier"], file=file, null=null))
    return tuple(sorted(found))


def load(wanted: Iterable[Load], document: Mapping[str, Any], *, data: Path, say: Callable[[str], None]) -> None:
    """Have each of them in the database of the profile ``document``, whose secrets are in the environment.

    Every column is text. All in one transaction, by one process at a time; a table that was loaded from the same bytes
    stays. Raise ProjectError, DiskError, InfrastructureError.
    """
    import psycopg2

    try:
        opened = psycopg2.connect(**_options(document), application_name="floe")
        with closing(opened) as connection, connection, connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
            for each in wanted:
                _load(each, cursor, data / each.file, say)
    except psycopg2.Error as fault:
        why = one_line(str(fault)) or type(fault).__name__
        kind = (
            InfrastructureError
            if isinstance(fault, psycopg2.OperationalError) or is_infrastructure(why)
            else ProjectError
        )
        raise kind(f"data files cannot be loaded: {why}") from None


def _options(document: Mapping[str, Any]) -> dict[str, Any]:
    """psycopg2's words for dbt's profile."""
    (profile,) = document.values()
    (output,) = profile["outputs"].values()
    found = {_OPTIONS[key]: value for key, value in output.items() if key in _OPTIONS}
    for name, value in found.items():
        variable = _VARIABLE.fullmatch(value) if isinstance(value, str) else None
        found[name] = os.environ[variable[1]] if variable else value
    return found


def _load(wanted: Load, cursor: Any, file: Path, say: Callable[[str], None]) -> None:
    from psycopg2 import sql

    try:
        with file.open("rb") as bytes_:
            columns = _header(file)
            mark = f"floe: {hashlib.sha256(bytes_.read()).hexdigest()} null {wanted.null!r}"
            table = sql.Identifier(wanted.schema, wanted.table)
            found = _found(cursor, wanted)
            if found is not None and found[0] == mark:
                return
            if found is None:
                cursor.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(wanted.schema)))
                typed = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in columns)
                cursor.execute(sql.SQL("create table {} ({})").format(table, typed))
            elif not (found[0] or "").startswith("floe: "):
                raise ProjectError(
                    f"{wanted.name} is there, and floe did not make it", hint="give the source another name"
                )
            elif found[1] != columns:
                raise ProjectError(
                    f"{wanted.name} has other columns than {wanted.file}", hint="drop it: the next run makes it again"
                )
            else:  # views may stand on it
                cursor.execute(sql.SQL("truncate table {}").format(table))
            bytes_.seek(0)
            copy = sql.SQL("copy {} from stdin (format csv, header true, null {}, encoding 'UTF8')")
            cursor.copy_expert(copy.format(table, sql.Literal(wanted.null)), _Interruptible(bytes_))
            rows = cursor.rowcount
            cursor.execute(sql.SQL("comment on table {} is {}").format(table, sql.Literal(mark)))
    except FileNotFoundError:
        raise ProjectError(f"{wanted.name} needs {wanted.file}, which is not there", where=str(file),
                           hint="floe.yaml's data brings such files") from None  # fmt: skip
    except OSError as fault:
        raise disk_error(fault, str(file)) from None
    say(f"{wanted.file} was loaded into {wanted.name}: {rows} rows")


def _header(file: Path) -> list[str]:
    with file.open(encoding="utf-8", newline="") as text:
        return next(csv.reader(text), [])


def _found(cursor: Any, wanted: Load) -> tuple[str | None, list[str]] | None:
    """The comment and the columns of a table that is there."""
    cursor.execute(
        "select obj_description(c.oid, 'pg_class'), array(select a.attname::text from pg_attribute a"
        " where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum)"
        " from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = %s and c.relname = %s",
        (wanted.schema, wanted.table),
    )
    row = cursor.fetchone()
    return None if row is None else (row[0], list(row[1]))


class _Interruptible:
    """A file whose reading runs Python code, so that a signal is heard while PostgreSQL takes it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._file)
