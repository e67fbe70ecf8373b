"""What is said of a storage that fails: by SQLite's and Postgres' words, and once."""

from __future__ import annotations

import errno
import logging
import sqlite3
from pathlib import Path

import pytest

from floe_images.errors import DiskError, DiskFullError, FloeError, InfrastructureError
from floe_images.runtime.storage_fault import storage_fault
from floe_images.runtime.storage_log import StorageFaults

LOST = '(psycopg2.OperationalError) connection to server at "db" (10.0.0.1), port 5432 failed: refused\n\tIs it there?'


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (sqlite3.OperationalError("database or disk is full"), DiskFullError, "no space left on the device"),
        (sqlite3.OperationalError("disk I/O error"), DiskError, "disk I/O error"),
        (sqlite3.OperationalError("attempt to write a readonly database"), DiskError, "attempt to write a readonly"),
        (sqlite3.DatabaseError("database disk image is malformed"), DiskError, "its file is damaged"),
        (sqlite3.OperationalError("database is locked"), InfrastructureError, "database is locked"),
        (OSError(errno.ENOSPC, "No space left on device"), DiskFullError, "no space left on the device"),
    ],
)
def test_words_of_sqlite(fault: Exception, kind: type[FloeError], said: str, tmp_path: Path) -> None:
    outer = RuntimeError("Dagster's own")
    outer.__cause__ = fault
    told = storage_fault(outer, state=tmp_path, what="It failed")
    assert type(told) is kind
    assert told.message.startswith(f"It failed: {said}")
    assert told.hint or kind is InfrastructureError


def test_the_damaged_file_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "dagster" / "history"
    folder.mkdir(parents=True)
    sqlite3.connect(folder / "a.db").execute("create table t (n)").connection.close()
    (folder / "b.db").write_text("no database, and longer than SQLite's header is")
    told = storage_fault(sqlite3.DatabaseError("file is not a database"), state=tmp_path, what="It failed")
    assert told is not None
    assert told.where == str(folder / "b.db")


@pytest.mark.parametrize("fault", [ValueError("no"), FileNotFoundError(errno.ENOENT, "no such file", "/elsewhere")])
def test_what_is_not_the_storages(fault: Exception, tmp_path: Path) -> None:
    assert storage_fault(fault, state=tmp_path, what="It failed") is None


def record(message: str, fault: Exception | None = None) -> logging.LogRecord:
    held = (type(fault), fault, None) if fault else None
    return logging.LogRecord("dagster.daemon", logging.WARNING, "", 0, message, (), held)


def test_it_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StorageFaults, "_watch", lambda self: None)
    faults = StorageFaults({})
    first = record("Caught an error", RuntimeError(LOST))
    assert faults.filter(first)
    assert (first.levelname, first.exc_info, first.getMessage()) == (
        "ERROR",
        None,
        'Dagster\'s storage cannot be used, and is tried again: connection to server at "db" (10.0.0.1), port 5432 '
        "failed: refused",
    )
    assert not faults.filter(record(f"Retrying failed database connection: {LOST}"))
    for other in ("a run has failed", '(psycopg2.errors.UndefinedTable) relation "x" does not exist'):
        kept = record(other)
        assert faults.filter(kept)
        assert kept.getMessage() == other
