"""The container's log: one line an event on stderr, as text or (``FLOE_LOG=json``) as JSON; never a colour or a secret.

Everybody's loggers end here: ours, Dagster's, uvicorn's, and Python's warnings.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Mapping
from typing import TextIO

_COLOUR = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")  # ECMA-48, 5.4
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s:]*:[^/@\s]*(?=@)")
_hidden: set[str] = set()


def set_up(role: str, environ: Mapping[str, str], *, stream: TextIO | None = None) -> None:
    """Send every logger of this process to ``stream`` (stderr). ``role`` is named on each line."""
    root = logging.getLogger()
    root.handlers[:] = [make_handler(role, environ, stream=stream)]
    root.setLevel(logging.WARNING)
    for name in ("floe", "dagster", "dagster-webserver", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        if not name.startswith("uvicorn"):  # it tells each step of its own start and end
            logger.setLevel(logging.INFO)
    logging.captureWarnings(True)


def make_handler(role: str, environ: Mapping[str, str], *, stream: TextIO | None = None) -> logging.Handler:
    """A handler that writes lines to ``stream`` (stderr), for a logger that does not end at the root."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json(role) if environ.get("FLOE_LOG") == "json" else _Text(role))
    return handler


def hide(value: str) -> None:
    """Blot ``value`` out of every later line. A value this short would blot out words: below four it is left alone."""
    if len(value) >= 4:
        _hidden.add(value)


def one_line(text: str) -> str:
    """``text`` without colours, secrets and line breaks."""
    for value in sorted(_hidden, key=len, reverse=True):
        text = text.replace(value, "***")
    text = _CREDENTIALS.sub("***", _COLOUR.sub("", text))
    return " | ".join(line.rstrip() for line in text.splitlines() if line.strip())


class _Line(logging.Formatter):
    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def _told(self, record: logging.LogRecord) -> dict[str, str]:
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        told = {
            "time": f"{when}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "role": self._role,
            "logger": record.name,
            "message": one_line(record.getMessage()),
        }
        told.update({name: one_line(text) for name, text in getattr(record, "floe", {}).items()})
        if record.exc_info and record.exc_info[0] is not None:
            told["exception"] = one_line(self.formatException(record.exc_info))
        return told


class _Text(_Line):
    def format(self, record: logging.LogRecord) -> str:
        told = self._told(record)
        told["message"] = f"{told['run']}: {told['message']}" if "run" in told else told["message"]
        exception = f" | {told['exception']}" if "exception" in told else ""
        return f"{told['time']} {told['level']:7} {told['role']} {told['logger']}: {told['message']}{exception}"


class _Json(_Line):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self._told(record), ensure_ascii=False, separators=(",", ":"))
