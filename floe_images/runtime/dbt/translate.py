"""dbt's own events → the run's events. Called by dbt in whichever thread does the work, so it holds a lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from floe_images.artifacts.events import Column, Event, NodeFinished, NodeStarted, Said, Status
from floe_images.runtime.dbt.counting import Counted, Counter
from floe_images.runtime.dbt.redact import Redactor

_STATUS: dict[str, Status] = {
    "success": "success", "pass": "success", "warn": "warn", "fail": "fail", "error": "error", "skipped": "skipped",
    "partial success": "error", "runtime error": "error",
}  # fmt: skip
_STALE: dict[str, Status] = {"error": "fail"}  # of `dbt source freshness`: the source is older than error_after
LOADED = "loaded at "  # and a time in ISO 8601: a source's age, for whoever asked for `dbt source freshness`
_LEVELS = ("debug", "info", "warn", "error")

# What NodeStarted and NodeFinished tell as well, and dbt's summary of them at the end.
_SAID_OTHERWISE = {
    "LogStartLine", "LogModelResult", "LogTestResult", "LogNodeResult", "LogSnapshotResult", "LogSeedResult",
    "LogFreshnessResult", "LogNodeNoOpResult", "LogFunctionResult", "LogStartBatch", "LogBatchResult",
    "RunResultWarning", "RunResultFailure", "RunResultError", "RunResultErrorNoMessage", "RunResultWarningMessage",
    "CheckNodeTestFailure", "EndOfRunSummary", "StatsLine", "FinishedRunningStats", "ConcurrencyLine", "Formatting",
    "MainStackTrace", "SkippingDetails", "LogSkipBecauseError", "CompiledNode", "LogCancelLine", "MainEncounteredError",
    "PerfInfoPath",
}  # fmt: skip
_NOT_RUN = ("exposure", "saved_query", "semantic_model", "metric")  # in the graph, and nothing is done for them


class Translator:
    """Callable for dbt's callbacks. ``finished`` has each node's end, by dbt's unique id."""

    def __init__(self, tell: Callable[[Event], None], redact: Redactor, *, level: str = "info") -> None:
        self.finished: dict[str, NodeFinished] = {}
        self.manifest: Any = None
        self.counter: Counter | None = None
        self._tell = tell
        self._redact = redact
        self._levels = _LEVELS[_LEVELS.index(level) if level in _LEVELS else 1 :]
        self._lock = threading.Lock()
        self._started: dict[str, int] = {}
        # A microbatch model starts and ends once itself and once for each batch, under one id.
        self._batches: set[tuple[int, str]] = set()
        self._raised: dict[str, str] = {}

    def __call__(self, message: Any) -> None:
        name = message.info.name
        if name == "NodeStart":
            self._start(message.data.node_info)
        elif name == "NodeFinished":
            self._finish(message.data.node_info, message.data.run_result)
        elif name == "LogBatchResult":
            self._batches.add((threading.get_ident(), message.data.node_info.unique_id))
        elif name == "GenericExceptionOnRun" and message.data.node_info.unique_id in self._started:
            self._raised.setdefault(message.data.node_info.unique_id, message.data.exc)
        elif message.info.level in self._levels and name not in _SAID_OTHERWISE:
            node = getattr(message.data, "node_info", None)
            self.say(message.info.level, message.info.msg, unique_id=(node.unique_id or None) if node else None)

    def say(self, level: str, text: str, *, unique_id: str | None = None) -> None:
        if text.strip():
            self._tell(Said(level=level, text=self._redact(text.rstrip()), unique_id=unique_id, at=time.time_ns()))

    def begin(self, unique_id: str) -> int:
        """Something of floe's own begins; the time."""
        now = time.time_ns()
        self._tell(NodeStarted(unique_id=unique_id, at=now))
        return now

    def end(self, event: NodeFinished) -> None:
        """It has ended; ``message`` may have secrets in it."""
        told = replace(event, message=self._redact(event.message) if event.message else None)
        with self._lock:
            self.finished[told.unique_id] = told
        self._tell(told)

    def settle(self, results: Any) -> None:
        """What only dbt's results say: the age of sources, the end of skipped nodes, hooks that failed."""
        for result in results or ():
            node = getattr(result, "node", None)
            loaded = getattr(result, "max_loaded_at", None)  # of a source, in UTC
            if loaded is not None and node is not None:
                self.say("info", f"{LOADED}{loaded.isoformat()}", unique_id=node.unique_id)
            if node is None or node.unique_id in self.finished or str(result.status) in ("success", "pass", "no-op"):
                continue
            now = time.time_ns()
            self._done(node.unique_id, str(node.resource_type), node.name, str(result.status), result.message, None,
                       self._started.get(node.unique_id, now), now, Counted())  # fmt: skip

    def _start(self, info: Any) -> None:
        with self._lock:
            if self._unseen(info) or info.unique_id in self._started:
                return
            now = time.time_ns()
            self._started[info.unique_id] = now
        self._tell(NodeStarted(unique_id=info.unique_id, at=now))

    def _finish(self, info: Any, result: Any) -> None:
        now = time.time_ns()
        with self._lock:
            if (threading.get_ident(), info.unique_id) in self._batches:
                self._batches.discard((threading.get_ident(), info.unique_id))
                return
            if self._unseen(info) or result.status == "no-op":
                return
        message = result.message
        if info.unique_id in self._raised and result.status != "success":
            message = f"{message}: {self._raised[info.unique_id]}"
        counted = Counted()
        node = self._node(info.unique_id)
        if self.counter and node is not None and result.status == "success":
            counted = self.counter(node, dict(result.adapter_response))
        failures = result.num_failures if info.resource_type in ("test", "unit_test") else None
        self._done(info.unique_id, info.resource_type, info.node_name, result.status, message, failures,
                   self._started.get(info.unique_id, now), now, counted)  # fmt: skip

    def _done(
        self, unique_id: str, resource_type: str, name: str, status: str, message: str | None,
        failures: int | None, started_at: int, at: int, counted: Counted,
    ) -> None:  # fmt: skip
        node = self._node(unique_id)
        statuses = {**_STATUS, **_STALE} if resource_type == "source" else _STATUS
        sql = getattr(node, "compiled_code", None)
        event = NodeFinished(
            unique_id=unique_id,
            resource_type=resource_type,
            name=name,
            status=statuses.get(status, "error"),
            started_at=started_at,
            at=at,
            rows=counted.rows,
            failures=failures,
            columns=tuple(Column(name=name, type=kind) for name, kind in counted.columns),
            relation=getattr(node, "relation_name", None),
            sql=self._redact(sql) if sql else None,
            message=self._redact(message) if message else None,
        )
        with self._lock:
            self.finished[unique_id] = event
        self._tell(event)

    def _node(self, unique_id: str) -> Any:
        found = self.manifest
        if found is None:
            return None
        return found.nodes.get(unique_id) or found.sources.get(unique_id) or found.unit_tests.get(unique_id)

    @staticmethod
    def _unseen(info: Any) -> bool:
        return info.resource_type in _NOT_RUN or info.materialized == "ephemeral"
