"""A TOML table of a lock that is taken apart key by key, so that nothing unchecked comes out."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, TypeVar

from floe_images.errors import LockFormatError
from floe_images.image.platform import Platform

HINT = "restore it from version control, or delete it and run `floe lock`"
_FILE_LIMIT = 64 * 1024**3  # bytes
_TIME_LIMIT = 1 << 33  # seconds; SOURCE_DATE_EPOCH has the same bound
_T = TypeVar("_T")


class Table:
    """``where`` is the file's name and ``path`` the table's, for messages. What nobody asked for is a finding."""

    def __init__(self, rows: object, where: str, path: str) -> None:
        self.where = where
        self.path = path
        if not isinstance(rows, dict):
            raise self.wrong("a table is expected")
        self.rows: dict[str, Any] = dict(rows)

    def wrong(self, reason: str, key: str = "") -> LockFormatError:
        path = ".".join(part for part in (self.path, key) if part)
        return LockFormatError(f"{path}: {reason}" if path else reason, where=self.where, hint=HINT)

    def take(self, key: str, kind: type[_T]) -> _T:
        value = self.rows.pop(key, None)
        if value is None:
            raise self.wrong("is missing", key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.wrong(f"{type(value).__name__} where {kind.__name__} is expected", key)
        return value

    def text(self, key: str, pattern: re.Pattern[str]) -> str:
        value = self.take(key, str)
        if not pattern.fullmatch(value):
            raise self.wrong(f"{value[:60]!r} is not allowed here", key)
        return value

    def size(self, key: str) -> int:
        value = self.take(key, int)
        if not 0 <= value <= _FILE_LIMIT:
            raise self.wrong(f"{value} is no size in bytes", key)
        return value

    def time(self, key: str) -> int:
        value = self.take(key, datetime)
        if value.utcoffset() != timedelta(0) or value.year < 1970:
            raise self.wrong("a time in UTC is expected", key)
        if value.timestamp() >= _TIME_LIMIT:
            raise self.wrong(f"the year {value.year} is too far ahead", key)
        return int(value.timestamp())

    def table(self, key: str) -> Table:
        return Table(self.take(key, dict), self.where, f"{self.path}.{key}".lstrip("."))

    def each(self, key: str, make: Callable[[Table], _T]) -> tuple[_T, ...]:
        """Every table of an array, in its order."""
        path = f"{self.path}.{key}".lstrip(".")
        rows = enumerate(self.take(key, list)) if key in self.rows else ()
        return tuple(make(Table(row, self.where, f"{path}[{number}]")) for number, row in rows)

    def platform(self, key: str) -> Platform:
        return self.parse_platform(self.take(key, str), key)

    def parse_platform(self, text: object, key: str) -> Platform:
        try:
            return Platform.parse(str(text)[:60])
        except ValueError as error:
            raise self.wrong(str(error), key) from None

    def end(self) -> None:
        for key in self.rows:
            raise self.wrong(f"unknown key {key[:60]!r}")

    def sorted_by(self, key: str, items: tuple[_T, ...], of: Callable[[_T], Any]) -> tuple[_T, ...]:
        """In the lock's order; the same name twice is refused."""
        ordered = sorted(items, key=of)
        for one, other in pairwise(ordered):
            if of(one) == of(other):
                raise self.wrong(f"{of(one)} occurs twice", key)
        return tuple(ordered)
