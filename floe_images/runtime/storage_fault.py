"""What a person is told when Dagster's storage fails: a full disk, a damaged file, a lost database."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from floe_images.errors import DiskError, DiskFullError, FloeError, InfrastructureError, disk_error
from floe_images.runtime.log import one_line

_NO_SPACE = 65_536  # bytes: SQLite says "disk I/O error" where a page more does not fit
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
_FREE = "free some space on the state volume, and start it again"


def storage_fault(fault: BaseException, *, state: Path, what: str) -> FloeError | None:
    """The tree's error where ``fault`` comes from Dagster's storage; None for any other.

    ``state`` is the state volume; ``what`` says what did not succeed. SQLite's words are those of
    https://www.sqlite.org/rescode.html; Dagster tries for a quarter of a minute to reach a Postgres.
    """
    for each in _chain(fault):
        if isinstance(each, FloeError):
            return each
        if isinstance(each, sqlite3.Error):
            return _sqlite(each, state, what)
        if _is_database_error(each) and not isinstance(getattr(each, "orig", None), sqlite3.Error):
            why = one_line(str(getattr(each, "orig", each))).split(" | ")[0]
            return InfrastructureError(
                f"{what}: {why}", hint="orchestration.metadata in floe.yaml names the database: start it again"
            )
        if isinstance(each, OSError) and _of_storage(each, state):
            return _with(what, disk_error(each, os.fsdecode(each.filename or state)))
    return None


@contextlib.contextmanager
def telling_storage_faults(state: Path, what: str) -> Iterator[None]:
    """Faults of the storage become the tree's: DiskFullError, DiskError, InfrastructureError; others stay."""
    try:
        yield
    except Exception as fault:
        told = storage_fault(fault, state=state, what=what)
        if told is None or told is fault:
            raise
        raise told from fault


def _sqlite(fault: sqlite3.Error, state: Path, what: str) -> FloeError:
    why, folder = one_line(str(fault)), state / "dagster"
    no_space = ("disk I/O" in why or "unable to open" in why) and _is_full(state)
    if "is full" in why or no_space:
        return DiskFullError(f"{what}: no space left on the device", where=str(folder), hint=_FREE)
    if "not a database" in why or "malformed" in why:
        return DiskError(
            f"{what}: its file is damaged ({why})",
            where=str(_damaged(folder) or folder),
            hint="restore a backup, or move it away: the history of runs starts anew then, and no data is lost",
        )
    if "readonly" in why or "unable to open" in why or "disk I/O" in why:
        return DiskError(
            f"{what}: {why}", where=str(folder), hint="check the state volume, and that this user may write to it"
        )
    return InfrastructureError(f"{what}: {why}", where=str(folder))


def _with(what: str, error: FloeError) -> FloeError:
    if isinstance(error, DiskFullError):
        return DiskFullError(f"{what}: {error.message}", where=error.where, hint=_FREE)
    place = Path(error.where) if error.where else None
    if place is not None and place.exists() and not place.is_dir():
        return DiskError(f"{what}: a file lies where its folder belongs", where=error.where, hint="move the file away")
    return DiskError(f"{what}: {error.message}", where=error.where, hint=error.hint)


def _of_storage(fault: OSError, state: Path) -> bool:
    if isinstance(fault.filename, str | bytes):
        return Path(os.fsdecode(fault.filename)).is_relative_to(state)
    return fault.errno in _DISK


def _is_database_error(fault: BaseException) -> bool:
    """Whether it is SQLAlchemy's or the driver's; where nobody has imported them, it is not."""
    kinds = ((sys.modules.get("sqlalchemy.exc"), "DBAPIError"), (sys.modules.get("psycopg2"), "Error"))
    return any(module is not None and isinstance(fault, getattr(module, name)) for module, name in kinds)


def _is_full(state: Path) -> bool:
    try:
        return shutil.disk_usage(state).free < _NO_SPACE
    except OSError:
        return False


def _damaged(folder: Path) -> Path | None:
    """The first of the storage's files that SQLite itself does not find sound."""
    for file in sorted(folder.rglob("*.db")):
        try:
            with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as opened:
                sound = opened.execute("pragma quick_check(1)").fetchone()[0] == "ok"
        except sqlite3.Error:
            sound = False
        if not sound:
            return file
    return None


def _chain(fault: BaseException) -> Iterator[BaseException]:
    """The fault, and what it came from."""
    found: BaseException | None = fault
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        yield found
        seen.add(id(found))
        found = found.__cause__ or found.__context__
