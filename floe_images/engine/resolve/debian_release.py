"""What a verified ``Release`` text says, and whether it may be used: suite, origin, age.

Source: https://wiki.debian.org/DebianRepository/Format#A.22Release.22_files
"""

from __future__ import annotations

import email.utils
import re
from dataclasses import dataclass

from floe_images.engine.resolve.debian_control import paragraphs
from floe_images.errors import IndexExpiredError, MirrorContentError


@dataclass(frozen=True, kw_only=True)
class IndexFile:
    """A file below the suite's folder: its size in bytes and its SHA-256 in hex."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Release:
    """``date`` and ``valid_until`` in seconds since 1970; main has no Valid-Until."""

    origin: str
    codename: str
    date: int
    valid_until: int | None
    by_hash: bool
    architectures: frozenset[str]
    files: dict[str, IndexFile]


class NotDebianError(MirrorContentError):
    """A signed and sound index, but not of Debian: an apt source of somebody else."""


def parse_release(text: str, *, where: str) -> Release:
    """Raises MirrorContentError for a text that is no Release file, or has no SHA256 section."""
    try:
        (fields,) = paragraphs(text)
        until = fields.get("valid-until")
        return Release(
            origin=fields.get("origin", ""),
            codename=fields.get("codename", ""),
            date=_seconds(fields["date"]),
            valid_until=None if until is None else _seconds(until),
            by_hash=fields.get("acquire-by-hash", "no") == "yes",
            architectures=frozenset(fields.get("architectures", "").split()),
            files=dict(_file(line) for line in fields["sha256"].splitlines() if line.strip()),
        )
    except (ValueError, KeyError) as error:
        raise MirrorContentError(f"not a Release file: {error}", where=where) from error


def check_release(release: Release, *, suite: str, now: float, previous: int | None, where: str) -> None:
    """Refuse an index of another origin or suite, one that has expired, and one older than the lock's.

    ``previous`` is the Date of the same suite's index in the lock, in seconds. Raises NotDebianError,
    MirrorContentError or IndexExpiredError. ``suite`` is a codename: "bookworm-security" also goes by
    "bookworm/updates" on some mirrors, never by "stable", which means another release next year.
    """
    if release.origin != "Debian":
        raise NotDebianError(f"its Release says Origin: {release.origin[:40]!r}, not Debian", where=where)
    if release.codename != suite:
        raise MirrorContentError(
            f"its Release is of {release.codename[:40]!r}, not of {suite}",
            where=where,
            hint="the mirror hands out another suite's index: use another one",
        )
    if release.valid_until is not None and release.valid_until < now:
        raise IndexExpiredError(
            f"the index of {suite} was valid until {_day(release.valid_until)}",
            where=where,
            hint="the mirror is behind, or this machine's clock is wrong: mend it, or use another mirror",
        )
    if previous is not None and release.date < previous:
        raise IndexExpiredError(
            f"the index of {suite} is of {_day(release.date)}, older than the lock's of {_day(previous)}",
            where=where,
            hint="the mirror is behind, or somebody replays an old index: try later, or use another mirror",
        )


def _file(line: str) -> tuple[str, IndexFile]:
    sha256, size, path = line.split()
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ValueError("a SHA256 that is none")
    return path, IndexFile(size=int(size), sha256=sha256)


def _seconds(text: str) -> int:
    return int(email.utils.parsedate_to_datetime(text.replace("UTC", "+0000")).timestamp())


def _day(seconds: int) -> str:
    return email.utils.formatdate(seconds, usegmt=True)
