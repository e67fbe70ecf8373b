"""DuckDB's types → those that an Iceberg table of format version 2 has, and partitions in dbt's words.

https://iceberg.apache.org/spec/#schemas-and-data-types
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from floe_images.errors import ProjectError

_WORDS = {
    "TINYINT": "INTEGER",
    "SMALLINT": "INTEGER",
    "UTINYINT": "INTEGER",
    "USMALLINT": "INTEGER",
    "UINTEGER": "BIGINT",
    "UBIGINT": "DECIMAL(20,0)",
    "HUGEINT": "DECIMAL(38,0)",
    "UHUGEINT": "VARCHAR",
    "BIGNUM": "VARCHAR",
    "BIT": "VARCHAR",
    "INTERVAL": "VARCHAR",
    "JSON": "VARCHAR",
    "GEOMETRY": "VARCHAR",
    "VARIANT": "VARCHAR",
    "TIMESTAMP_S": "TIMESTAMP",
    "TIMESTAMP_MS": "TIMESTAMP",
    "TIMESTAMP_NS": "TIMESTAMP",
    "TIME_NS": "TIME",
    "TIME WITH TIME ZONE": "VARCHAR",
    '"NULL"': "VARCHAR",
}
_TYPE = re.compile("|".join(rf"(?<![\w\"]){re.escape(word)}(?![\w\"])" for word in sorted(_WORDS, key=len)[::-1]))
_ENUM = re.compile(r"ENUM\((?:'(?:[^']|'')*'(?:, )?)*\)")
_QUOTED = re.compile(r'("(?:[^"]|"")*")')
_CALL = re.compile(r"\s*(?P<name>[a-z]+)\s*\(\s*(?P<inside>[^()]*?)\s*\)\s*", re.IGNORECASE)
_TIMES = ("year", "month", "day", "hour")
_NUMBERED = ("bucket", "truncate")


def iceberg_type(duckdb_type: str) -> str:
    """The type to cast to, in DuckDB's words; the same where it needs no cast. ``DESCRIBE`` names types so."""
    without = _ENUM.sub("VARCHAR", duckdb_type)
    if without == '"NULL"':
        return "VARCHAR"
    parts = _QUOTED.split(without)  # names of a STRUCT's fields stay
    return "".join(part if index % 2 else _TYPE.sub(lambda found: _WORDS[found[0]], part)
                   for index, part in enumerate(parts))  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PartitionField:
    """``transform`` is ``identity``, ``year`` … ``hour``, or ``bucket`` and ``truncate`` with ``width``."""

    column: str
    transform: str
    width: int | None = None

    @property
    def transform_text(self) -> str:
        """As Iceberg writes it: ``bucket[16]``."""
        return self.transform if self.width is None else f"{self.transform}[{self.width}]"

    def sql(self) -> str:
        """As DuckDB's PARTITIONED BY takes it."""
        column = '"' + self.column.replace('"', '""') + '"'
        if self.transform == "identity":
            return column
        return f"{self.transform}({column})" if self.width is None else f"{self.transform}({self.width}, {column})"


def partition_fields(asked: object, *, of: str) -> tuple[PartitionField, ...]:
    """dbt's ``partition_by``: a text or a list of ``column``, ``month(column)``, ``bucket(16, column)``; or BigQuery's
    mapping of field and granularity. Raise ProjectError, which names the model ``of``."""
    if asked is None or asked == "":
        return ()
    if isinstance(asked, Mapping):
        field, granularity = asked.get("field"), asked.get("granularity")
        given: Sequence[object] = [f"{granularity}({field})" if granularity else field]
    elif isinstance(asked, str):
        given = re.split(r",(?![^()]*\))", asked)
    elif isinstance(asked, Sequence):
        given = asked
    else:
        given = [asked]
    return tuple(_field(each, of) for each in given)


def _field(asked: object, of: str) -> PartitionField:
    text = str(asked).strip()
    call = _CALL.fullmatch(text)
    if call is None:
        if not text or not isinstance(asked, str) or "(" in text or ")" in text:
            raise _refused(text, of)
        return PartitionField(column=_name(text), transform="identity")
    word = call["name"].lower()
    word = word[:-1] if word.removesuffix("s") in _TIMES and word.endswith("s") else word
    inside = [part.strip() for part in call["inside"].split(",")]
    if word in (*_TIMES, "identity") and len(inside) == 1 and inside[0]:
        return PartitionField(column=_name(inside[0]), transform=word)
    if word in _NUMBERED and len(inside) == 2:
        number, column = inside if inside[0].isdecimal() else reversed(inside)
        if number.isdecimal() and int(number) > 0 and column:
            return PartitionField(column=_name(column), transform=word, width=int(number))
    raise _refused(text, of)


def _name(text: str) -> str:
    return text[1:-1].replace('""', '"') if len(text) > 2 and text[0] == text[-1] == '"' else text


def _refused(text: str, of: str) -> ProjectError:
    return ProjectError(
        f"partition_by of {of} has {text!r}, which is no partition of an Iceberg table",
        hint="a column, year(c), month(c), day(c), hour(c), bucket(16, c) or truncate(10, c)",
    )
