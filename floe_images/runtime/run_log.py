"""What a run says in the container's log: a line for each asset and check, its own messages, and no stack traces.

Dagster's own console logger writes several lines an event, stack traces of its own included, and knows no JSON.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from floe_images.runtime import log

# Dagster logs its events as DEBUG; of the forty a run has, these say what was done.
_TOLD = {
    "PIPELINE_START",
    "PIPELINE_SUCCESS",
    "PIPELINE_CANCELED",
    "ASSET_MATERIALIZATION",
    "ASSET_OBSERVATION",
    "ASSET_CHECK_EVALUATION",
}


def log_runs_as_lines() -> None:
    """Make every run of this process log so, from INFO up; for processes of floe's own only.

    Dagster takes its console logger wherever a run's configuration names no other, and has no setting for another one:
    ``dagster._loggers.default_system_loggers``.
    """
    import dagster._loggers

    def console(name: str, level: str | int) -> logging.Logger:
        logger = logging.Logger(f"{name}.run", level=logging.DEBUG)
        handler = log.make_handler("run", os.environ)
        number = level if isinstance(level, int) else logging.getLevelName(level.upper())
        handler.addFilter(Told(max(number, logging.INFO)))  # DEBUG is what Dagster takes by itself
        logger.addHandler(handler)
        return logger

    dagster._loggers.create_console_logger = console


class Told(logging.Filter):
    """Lets through what is at least of ``level`` and the events above, each reworded to what happened."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self._level = level

    def filter(self, record: logging.LogRecord) -> bool:
        meta: dict[str, Any] | None = getattr(record, "dagster_meta", None)
        if meta is None:
            return record.levelno >= self._level
        event = meta["dagster_event"]
        kind = event.event_type.value if event is not None else None
        if record.levelno < self._level:
            if kind not in _TOLD or self._level > logging.INFO:
                return False
            record.levelno, record.levelname = logging.INFO, "INFO"
        error = getattr(event.event_specific_data, "error", None) if event is not None else None
        record.msg = f"{meta['orig_message']} {error.message}" if error is not None else meta["orig_message"]
        record.args, record.exc_info = (), None
        found = {"run": meta["run_id"], "job": meta["job_name"], "step": meta["step_key"], "event": kind}
        record.floe = {name: text for name, text in found.items() if text}
        return True
