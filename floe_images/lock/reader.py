"""Reading floe.lock: bytes in, a Lock out, and nothing unchecked in between."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, TypeVar

from floe_images.errors import LockFormatError
from floe_images.image.platform import Platform
from floe_images.lock.model import LOCK_VERSION, DebianSnapshot, Lock, LockedData, LockedDeb, LockedFile, LockedWheel
from floe_images.lock.names import is_deb_of, is_wheel_for, is_wheel_of
from floe_images.lock.seal import is_sealed

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LOCK_LIMIT = 32 * 1024 * 1024  # bytes; a lock of 300 packages is about 150 kB
_FILE_LIMIT = 64 * 1024**3  # bytes
_TIME_LIMIT = 1 << 33  # seconds; SOURCE_DATE_EPOCH has the same bound
_HINT = "restore it from version control, or delete it and run `floe lock`"
_T = TypeVar("_T")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PROJECT = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PYTHON_VERSION = re.compile(r"([0-9]+!)?[0-9]+(\.[0-9]+)*[A-Za-z0-9.+_-]{0,80}")
_PYTHON = re.compile(r"3\.[0-9]{1,2}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
_DISTRIBUTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,250}\.(tar\.gz|tar\.bz2|tar\.xz|zip|whl)")
_DEBIAN_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]{1,127}")
_DEBIAN_VERSION = re.compile(r"([0-9]+:)?[0-9][A-Za-z0-9.+~:-]{0,120}")
_POOL = re.compile(r"pool(/[A-Za-z0-9][A-Za-z0-9.+~_:%-]{0,200}){2,8}\.deb")
_STEP = r"(?!\.{1,2}(?:[/!]|$))[^/!\\\x00-\x1f\x7f]{1,255}"
_MEMBER = re.compile(rf"{_STEP}([/!]{_STEP}){{0,40}}")
_PLACE = re.compile(rf"/?{_STEP}(/{_STEP}){{0,40}}")


def read_lock(data: bytes, where: str) -> Lock:
    """The lock in ``data``; ``where`` is the file's name for messages. Raise LockFormatError for anything else."""
    if len(data) > LOCK_LIMIT:
        raise LockFormatError(f"larger than {LOCK_LIMIT} bytes, so not a lock", where=where)
    if not data.strip():
        raise LockFormatError("is empty", where=where, hint=_HINT)
    try:
        document = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise LockFormatError(f"not readable as TOML: {reason}", where=where, hint=_HINT) from None
    if "version" not in document:
        raise LockFormatError("names no lock version, so it is no lock", where=where, hint=_HINT)
    version = document.pop("version")
    if version != LOCK_VERSION or isinstance(version, bool):
        raise LockFormatError(
            f"lock version {version!r:.40}, and this floe reads version {LOCK_VERSION}",
            where=where,
            hint="use the floe that wrote it, or delete it and run `floe lock`",
        )
    if not is_sealed(data):
        raise LockFormatError("was edited by hand or badly merged", where=where, hint=_HINT)
    document.pop("content", None)
    return _lock(_Table(document, where, ""))


class _Table:
    """A TOML table that is taken apart key by key; what nobody asked for is a finding."""

    def __init__(self, rows: object, where: str, path: str) -> None:
        self.where = where
        self.path = path
        if not isinstance(rows, dict):
            raise self.wrong("a table is expected")
        self.rows: dict[str, Any] = dict(rows)

    def wrong(self, reason: str, key: str = "") -> LockFormatError:
        path = ".".join(part for part in (self.path, key) if part)
        return LockFormatError(f"{path}: {reason}" if path else reason, where=self.where, hint=_HINT)

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

    def table(self, key: str) -> _Table:
        return _Table(self.take(key, dict), self.where, f"{self.path}.{key}".lstrip("."))

    def each(self, key: str, make: Callable[[_Table], _T]) -> tuple[_T, ...]:
        """Every table of an array, in its order."""
        path = f"{self.path}.{key}".lstrip(".")
        rows = enumerate(self.take(key, list)) if key in self.rows else ()
        return tuple(make(_Table(row, self.where, f"{path}[{number}]")) for number, row in rows)

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


def _lock(table: _Table) -> Lock:
    platforms = tuple(table.parse_platform(text, "platforms") for text in table.take("platforms", list))
    if not platforms:
        raise table.wrong("no platform", "platforms")
    tools = table.table("tools")
    debian = table.table("debian")
    packages = debian.table("packages")
    lock = Lock(
        inputs=table.text("inputs", _SHA256),
        platforms=table.sorted_by("platforms", platforms, lambda platform: platform),
        python=table.text("python", _PYTHON),
        tools=tuple(sorted((name, tools.text(name, _WORD)) for name in list(tools.rows))),
        snapshot=_snapshot(debian),
        debian=tuple(
            sorted(
                (
                    packages.parse_platform(name, name),
                    packages.sorted_by(name, packages.each(name, _deb), lambda deb: deb.name),
                )
                for name in list(packages.rows)
            )
        ),
        wheels=table.sorted_by("wheel", table.each("wheel", _wheel), lambda wheel: wheel.name),
        data=table.sorted_by("data", table.each("data", _data), lambda data: data.name),
        debian_inputs=debian.text("inputs", _SHA256) if "inputs" in debian.rows else "",
    )
    debian.end()
    table.end()
    for platform, debs in lock.debian:
        for deb in debs:
            if deb.architecture not in ("all", platform.architecture):
                raise packages.wrong(f"{deb.name} is for {deb.architecture}", str(platform))
    missing = [str(platform) for platform in lock.platforms if platform not in dict(lock.debian)]
    if missing:
        raise packages.wrong(f"nothing for {', '.join(missing)}")
    return lock


def _snapshot(debian: _Table) -> DebianSnapshot:
    dates = debian.table("dates")
    return DebianSnapshot(
        suite=debian.text("suite", _WORD),
        time=debian.time("time"),
        dates=tuple(sorted((name, dates.time(name)) for name in list(dates.rows))),
    )


def _deb(table: _Table) -> LockedDeb:
    pool = table.text("pool", _POOL)
    file = LockedFile(name=pool.rpartition("/")[2], size=table.size("size"), sha256=table.text("sha256", _SHA256))
    deb = LockedDeb(
        name=table.text("name", _DEBIAN_NAME),
        version=table.text("version", _DEBIAN_VERSION),
        architecture=table.text("architecture", re.compile("amd64|arm64|all")),
        archive=table.text("archive", re.compile("debian(-security)?")),
        pool=pool,
        source=table.text("source", _DEBIAN_NAME),
        file=file,
    )
    if not is_deb_of(deb):
        raise table.wrong(f"{file.name[:80]!r} is not {deb.name} {deb.version} for {deb.architecture}", "pool")
    table.end()
    return deb


def _wheel(table: _Table) -> LockedWheel:
    wheel = LockedWheel(
        name=table.text("name", _PROJECT),
        version=table.text("version", _PYTHON_VERSION),
        files=table.sorted_by("files", table.each("files", _wheel_file), lambda item: str(item[0] or "")),
    )
    if not wheel.files:
        raise table.wrong("no file", "files")
    for platform, file in wheel.files:
        if not is_wheel_of(wheel, file.name):
            raise table.wrong(f"{file.name[:80]!r} is not a wheel of {wheel.name} {wheel.version}", "files")
        if not is_wheel_for(platform, file.name):
            raise table.wrong(f"{file.name[:80]!r} is not a wheel for {platform or 'every platform'}", "files")
    table.end()
    return wheel


def _wheel_file(table: _Table) -> tuple[Platform | None, LockedFile]:
    platform = table.platform("platform") if "platform" in table.rows else None
    file = _file(table)
    table.end()
    return platform, file


def _data(table: _Table) -> LockedData:
    inner = table.table("file")
    data = LockedData(
        name=table.text("name", _WORD),
        package=table.text("package", _PROJECT),
        version=table.text("version", _PYTHON_VERSION),
        file=_file(inner),
        member=table.text("member", _MEMBER),
        place=table.text("place", _PLACE),
        sha256=table.text("sha256", _SHA256),
        size=table.size("size"),
    )
    inner.end()
    table.end()
    return data


def _file(table: _Table) -> LockedFile:
    return LockedFile(
        name=table.text("name", _DISTRIBUTION), size=table.size("size"), sha256=table.text("sha256", _SHA256)
    )
