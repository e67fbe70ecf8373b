"""Spans: run → asset → dbt node (https://opentelemetry.io/docs/specs/semconv/database/database-spans/)."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from floe_images.artifacts.events import NodeFinished, RunFinished
from floe_images.runtime.telemetry.otlp.run import BAD, Asset, Run
from floe_images.runtime.telemetry.otlp.values import attributes

_TEXT = 4096  # characters of a message that a span carries


def node_span(run: Run, event: NodeFinished) -> Any:
    """What the database was asked: a client's span. The statement itself is not in it: it may hold data."""
    asset = run.asset_of(event.unique_id, event.resource_type)
    return Span(
        trace_id=run.trace,
        span_id=run.span("node", event.unique_id),
        parent_span_id=run.span("asset", asset) if asset else run.root,
        name=f"{event.resource_type} {event.name}",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=event.started_at,
        end_time_unix_nano=event.at,
        status=_status(event.status in BAD, event.message),
        attributes=attributes(
            {
                "db.system.name": run.system,
                "db.collection.name": event.relation,
                "dbt.unique_id": event.unique_id,
                "dbt.resource_type": event.resource_type,
                "dbt.status": event.status,
                "dbt.rows": event.rows,
                "dbt.failures": event.failures,
                "error.type": event.status if event.status in BAD else None,
            }
        ),
    )


def asset_span(run: Run, asset: Asset) -> Any:
    """A table or view and its tests together."""
    return Span(
        trace_id=run.trace,
        span_id=run.span("asset", asset.unique_id),
        parent_span_id=run.root,
        name=f"asset {asset.name}",
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=asset.start,
        end_time_unix_nano=asset.end,
        status=_status(asset.failed, None),
        attributes=attributes({"floe.asset": asset.name, "dbt.unique_id": asset.unique_id}),
    )


def run_span(run: Run, event: RunFinished) -> Any:
    """The whole dbt invocation; the trace's id is Dagster's run id."""
    failed = event.outcome != "success"
    told = run.started
    return Span(
        trace_id=run.trace,
        span_id=run.root,
        name=f"run {told.job}",
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=told.at,
        end_time_unix_nano=event.at,
        status=_status(failed, event.message),
        attributes=attributes(
            {
                "floe.run.id": told.run_id,
                "floe.job": told.job,
                "floe.transform": told.transform,
                "floe.target": told.target,
                "floe.adapter": told.adapter,
                "floe.select": told.select,
                "floe.exclude": told.exclude,
                "floe.partition": told.partition,
                "floe.outcome": event.outcome,
                "db.system.name": run.system,
                "error.type": event.outcome if failed else None,
            }
        ),
    )


def _status(failed: bool, message: str | None) -> Any:
    """https://opentelemetry.io/docs/specs/otel/trace/api/#set-status: unset unless it failed."""
    if not failed:
        return Status()
    return Status(code=Status.STATUS_CODE_ERROR, message=(message or "")[:_TEXT])
