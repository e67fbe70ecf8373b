"""The three requests of OTLP, serialized (https://opentelemetry.io/docs/specs/otlp/)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics, ScopeMetrics
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from floe_images.runtime.telemetry.otlp.metrics import points
from floe_images.runtime.telemetry.otlp.values import SCOPE, resource
from floe_images.runtime.telemetry.parcel import Parcel


def spans_parcel(service: str, spans: Sequence[Any]) -> Parcel:
    whole = ResourceSpans(resource=resource(service), scope_spans=[ScopeSpans(scope=SCOPE, spans=spans)])
    request = ExportTraceServiceRequest(resource_spans=[whole])
    return Parcel(path="traces", body=request.SerializeToString(), items=len(spans))


def logs_parcel(service: str, records: Sequence[Any]) -> Parcel:
    whole = ResourceLogs(resource=resource(service), scope_logs=[ScopeLogs(scope=SCOPE, log_records=records)])
    request = ExportLogsServiceRequest(resource_logs=[whole])
    return Parcel(path="logs", body=request.SerializeToString(), items=len(records))


def metrics_parcel(service: str, metrics: Sequence[Any]) -> Parcel:
    """``items`` are data points."""
    whole = ResourceMetrics(resource=resource(service), scope_metrics=[ScopeMetrics(scope=SCOPE, metrics=metrics)])
    request = ExportMetricsServiceRequest(resource_metrics=[whole])
    return Parcel(path="metrics", body=request.SerializeToString(), items=sum(map(points, metrics)))
