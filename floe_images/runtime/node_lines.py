"""An observer for people and for what collects logs: one line a node, as text on stdout or as JSON in the log."""

from __future__ import annotations

import logging
import sys

from floe_images.artifacts.events import Event, NodeFinished, RunFinished, RunStarted
from floe_images.runtime.log import one_line

_FAILED = ("error", "fail")


class NodeLines:
    def __init__(self, *, as_json: bool = False) -> None:
        self._as_json = as_json
        self._run = ""

    def tell(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._run = event.run_id
            self._say(f"run {event.run_id} on target {event.target} ({event.adapter})", event, logging.INFO)
        elif isinstance(event, NodeFinished):
            seconds = (event.at - event.started_at) / 1e9
            rows = f"  {event.rows} rows" if event.rows is not None else ""
            why = f": {one_line(event.message)}" if event.message and event.status not in ("success", "skipped") else ""
            level = logging.ERROR if event.status in _FAILED else logging.INFO
            line = f"{event.status:7} {event.resource_type} {event.name}{rows}  {seconds:.2f} s{why}"
            self._say(line, event, level, node=event.unique_id, status=event.status)
        elif isinstance(event, RunFinished):
            why = f": {one_line(event.message)}" if event.message else ""
            level = logging.INFO if event.outcome == "success" else logging.ERROR
            self._say(f"{event.outcome.replace('_', ' ')}{why}", event, level, outcome=event.outcome)

    def close(self) -> None:
        """Nothing is held."""

    def _say(self, line: str, event: Event, level: int, **found: str) -> None:
        if self._as_json:
            extra = {"floe": {"event": event.kind, "run": self._run, **found}}
            logging.getLogger("floe.run").log(level, "%s", line, extra=extra)
            return
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
