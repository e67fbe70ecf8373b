"""Patience with a foreign process that has the DuckDB file open, such as somebody's notebook."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_HELD = re.compile(r"Conflicting lock is held in (?P<program>.+) \(PID (?P<pid>\d+)\)")
_POLL = 0.2  # seconds
WAIT = "FLOE_DUCKDB_WAIT"


def waiting_seconds(environ: Mapping[str, str]) -> float:
    """FLOE_DUCKDB_WAIT in seconds; 60 where it is absent or not a number."""
    try:
        return max(0.0, float(environ.get(WAIT) or 60))
    except ValueError:
        return 60.0


def holder(message: str) -> str | None:
    """Who has the file, by DuckDB's own words; None for any other error.

    https://duckdb.org/docs/stable/connect/concurrency: one process that writes, or several that only read.
    """
    if "Could not set lock on file" not in message:
        return None
    found = _HELD.search(message)
    return f"process {found['pid']} ({found['program']})" if found else "another process"


def open_patiently(connect: Callable[[], Any], *, path: str, seconds: float, say: Callable[[str], None]) -> Any:
    """What ``connect`` gives, tried again while another process has the file. Raise its error after ``seconds``."""
    end = time.monotonic() + seconds
    told = False
    while True:
        try:
            return connect()
        except Exception as fault:
            who = holder(str(fault))
            if who is None or time.monotonic() >= end:
                raise
            if not told:
                say(f"waiting for {who}, which has {path} open, for up to {seconds:g} s ({WAIT})")
                told = True
        time.sleep(_POLL)


def be_patient(*, seconds: float, say: Callable[[str], None]) -> None:
    """dbt-duckdb opens files patiently from now on, in this process. Call it after its import."""
    from dbt.adapters.duckdb.environments import Environment

    impatient = Environment.initialize_db.__func__

    def initialize_db(cls: Any, creds: Any, plugins: Any = None) -> Any:
        return open_patiently(lambda: impatient(cls, creds, plugins), path=creds.path, seconds=seconds, say=say)

    Environment.initialize_db = classmethod(initialize_db)


def database(document: Mapping[str, Any], target: str) -> Path | None:
    """The database file of a profile's output; None for memory and for services."""
    path = str(next(iter(document.values()))["outputs"][target]["path"])
    return None if path.startswith((":memory:", "md:", "motherduck:")) else Path(path)


def close_duckdb() -> None:
    """Close the file in this process, so that whoever waits finds it free and whole."""
    connections = sys.modules.get("dbt.adapters.duckdb.connections")
    if connections is None:
        return
    manager = connections.DuckDBConnectionManager
    with manager._LOCK:
        if manager._ENV is not None:
            manager._ENV.close()
        manager._ENV = None
