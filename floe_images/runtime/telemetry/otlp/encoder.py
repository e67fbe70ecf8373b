"""Events → OTLP's requests: spans and log lines as they come, asset and run spans and metrics at the end of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from floe_images.artifacts.events import Event, NodeFinished, RunFinished, RunStarted, Said
from floe_images.artifacts.model import CompiledArtifacts
from floe_images.runtime.telemetry.graph import Graphs
from floe_images.runtime.telemetry.otlp.run import Run
from floe_images.runtime.telemetry.parcel import Parcel

_MOST = 512  # spans or log records in one request
_LEVELS = {"info": 9, "warn": 13, "error": 17}  # SeverityNumber; debug is not sent


class OtlpEncoder:
    """``opentelemetry.proto`` is imported with the first event, in the thread that encodes."""

    def __init__(self, artifacts: CompiledArtifacts, *, graphs: Graphs) -> None:
        self._service, self._graphs = artifacts.name, graphs
        self._run: Run | None = None
        self._spans: list[Any] = []
        self._logs: list[Any] = []
        self._metrics: list[Any] = []

    def encode(self, event: Event, *, quick: bool) -> Sequence[Parcel]:  # noqa: ARG002  nothing here takes long
        from floe_images.runtime.telemetry.otlp import metrics, spans

        if isinstance(event, RunStarted):
            self._run = Run(started=event, graph=self._graphs.of(event.target, event.transform))
        run = self._run
        if run is None:
            return ()
        if isinstance(event, NodeFinished):
            run.finish(event)
            self._spans.append(spans.node_span(run, event))
        elif isinstance(event, Said) and event.level in _LEVELS:
            self._logs.append(_record(run, event))
        elif isinstance(event, RunFinished):
            self._spans += [spans.asset_span(run, asset) for asset in run.assets.values()]
            self._spans.append(spans.run_span(run, event))
            self._metrics += metrics.run_metrics(run, event)
            self._run = None
        full = len(self._spans) >= _MOST or len(self._logs) >= _MOST
        return self.flush() if full else ()

    def flush(self) -> Sequence[Parcel]:
        if not (self._spans or self._logs or self._metrics):
            return ()
        from floe_images.runtime.telemetry.otlp.requests import logs_parcel, metrics_parcel, spans_parcel

        found = []
        if self._spans:
            found.append(spans_parcel(self._service, self._spans))
        if self._logs:
            found.append(logs_parcel(self._service, self._logs))
        if self._metrics:
            found.append(metrics_parcel(self._service, self._metrics))
        self._spans, self._logs, self._metrics = [], [], []
        return found


def _record(run: Run, event: Said) -> Any:
    """A log record of the span that said it (https://opentelemetry.io/docs/specs/otel/logs/data-model/)."""
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

    from floe_images.runtime.telemetry.otlp.values import attributes

    return LogRecord(
        time_unix_nano=event.at,
        observed_time_unix_nano=event.at,
        severity_number=_LEVELS[event.level],
        severity_text=event.level.upper(),
        body=AnyValue(string_value=event.text),
        trace_id=run.trace,
        span_id=run.span("node", event.unique_id) if event.unique_id else run.root,
        attributes=attributes({"dbt.unique_id": event.unique_id}),
    )
