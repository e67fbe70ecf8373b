"""Dagster's storage away while servers run: a line when it goes and one when it is back, not hundreds of stack traces.

Every daemon, request and run of Dagster's logs its own failure, several times over, and tries again.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Mapping

from floe_images.errors import FloeError
from floe_images.runtime.log import one_line
from floe_images.runtime.metadata import connect_postgres

# SQLAlchemy's text of a driver's error: https://docs.sqlalchemy.org/en/20/core/exceptions.html
_FAULT = re.compile(r"\((?:psycopg2\.(?:errors\.)?\w+|sqlite3\.(?:Operational|Database)Error)\) ([^|\n]+)")
_LOST = re.compile(r"connect|closed|terminat|shutting down|starting up|disk|full|readonly|malformed|unable to open|SSL")
_PROBE = 2.0  # seconds between two looks whether Postgres answers
_SETTLE = 5.0  # seconds in which what had waited for it still fails
_SQLITE = 60.0  # seconds after which a fault of SQLite's is told again: nobody can ask it
_LOG = logging.getLogger("floe")


def tell_storage_once(environ: Mapping[str, str]) -> None:
    """From now on this process' handlers tell it so. ``environ`` is `dagster_environment`'s."""
    watch = StorageFaults(environ)
    for handler in logging.getLogger().handlers:
        handler.addFilter(watch)


class StorageFaults(logging.Filter):
    """Lets the first record through that is about the storage, reworded to one line, and no other until it is back."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__()
        self._environ = environ
        self._lock = threading.Lock()
        self._away = False

    def filter(self, record: logging.LogRecord) -> bool:
        why = storage_words(record)
        if why is None:
            return True
        with self._lock:
            if self._away:
                return False
            self._away = True
        threading.Thread(target=self._watch, name="floe-storage", daemon=True).start()
        record.name, record.levelno, record.levelname = "floe", logging.ERROR, "ERROR"
        record.msg, record.args = f"Dagster's storage cannot be used, and is tried again: {why}", ()
        record.exc_info = record.exc_text = record.stack_info = None
        return True

    def _watch(self) -> None:
        began = time.monotonic()
        if self._answers() is None:
            time.sleep(_SQLITE)
            self._away = False
            return
        while not self._answers():
            time.sleep(_PROBE)
        _LOG.info("Dagster's storage answers again, after %.0f s", time.monotonic() - began)
        time.sleep(_SETTLE)
        self._away = False

    def _answers(self) -> bool | None:
        """Of Postgres; None where there is none."""
        try:
            connection = connect_postgres(self._environ, patience=0)
        except FloeError:
            return False
        if connection is None:
            return None
        connection.close()
        return True


def storage_words(record: logging.LogRecord) -> str | None:
    """The driver's own words in a record about the storage's database that fails; None for any other record."""
    text = record.getMessage()
    fault = record.exc_info[1] if record.exc_info else None
    while fault is not None:
        text = f"{text}\n{fault}"
        fault = fault.__cause__ or fault.__context__
    found = _FAULT.search(text)
    if found is None or not _LOST.search(found[1]):
        return None
    return one_line(found[1]).strip()
