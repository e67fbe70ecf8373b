"""Metrics of a run, as deltas: the process ends with the run, so it has no totals of its own to add to."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_DELTA,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)

from floe_images.artifacts.events import RunFinished
from floe_images.runtime.telemetry.otlp.run import Run
from floe_images.runtime.telemetry.otlp.values import Attribute, attributes

_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)  # seconds


def run_metrics(run: Run, event: RunFinished) -> list[Any]:
    """``floe.runs``, ``floe.run.duration``, ``floe.nodes``, ``floe.node.duration`` and ``floe.node.rows``."""
    start, end = run.started.at, event.at
    common: dict[str, Attribute] = {"floe.job": run.started.job, "floe.target": run.started.target}
    whole = {**common, "floe.outcome": event.outcome}
    nodes = Counter((each.resource_type, each.status) for each in run.finished)
    durations: dict[str, list[float]] = {}
    for each in run.finished:
        durations.setdefault(each.resource_type, []).append((each.at - each.started_at) / 1e9)
    found = [
        _sum("floe.runs", "{run}", "Runs that ended, by outcome.", [(1, whole)], start, end),
        _histogram("floe.run.duration", "How long runs took.", [([(end - start) / 1e9], whole)], start, end),
        _sum(
            "floe.nodes",
            "{node}",
            "dbt nodes that ended, by type and status.",
            [
                (count, {**common, "dbt.resource_type": kind, "dbt.status": status})
                for (kind, status), count in sorted(nodes.items())
            ],
            start,
            end,
        ),
        _histogram(
            "floe.node.duration",
            "How long dbt nodes took.",
            [(values, {**common, "dbt.resource_type": kind}) for kind, values in sorted(durations.items())],
            start,
            end,
        ),
        Metric(
            name="floe.node.rows",
            unit="{row}",
            description="Rows of a table after its node ended.",
            gauge=Gauge(
                data_points=[
                    NumberDataPoint(
                        attributes=attributes({**common, "dbt.unique_id": each.unique_id}),
                        time_unix_nano=each.at,
                        as_int=each.rows,
                    )
                    for each in run.finished
                    if each.rows is not None
                ]
            ),
        ),
    ]
    return [metric for metric in found if points(metric)]


def points(metric: Any) -> int:
    """How many data points a metric has."""
    return len(getattr(metric, metric.WhichOneof("data")).data_points)


def _sum(
    name: str, unit: str, text: str, counted: Iterable[tuple[int, Mapping[str, Attribute]]], start: int, end: int
) -> Any:
    return Metric(
        name=name,
        unit=unit,
        description=text,
        sum=Sum(
            aggregation_temporality=AGGREGATION_TEMPORALITY_DELTA,
            is_monotonic=True,
            data_points=[
                NumberDataPoint(
                    attributes=attributes(pairs), start_time_unix_nano=start, time_unix_nano=end, as_int=count
                )
                for count, pairs in counted
            ],
        ),
    )


def _histogram(
    name: str, text: str, measured: Iterable[tuple[list[float], Mapping[str, Attribute]]], start: int, end: int
) -> Any:
    found = []
    for values, pairs in measured:
        buckets = [0] * (len(_BOUNDS) + 1)
        for value in values:
            buckets[bisect_left(_BOUNDS, value)] += 1
        found.append(
            HistogramDataPoint(
                attributes=attributes(pairs),
                start_time_unix_nano=start,
                time_unix_nano=end,
                count=len(values),
                sum=sum(values),
                min=min(values),
                max=max(values),
                bucket_counts=buckets,
                explicit_bounds=_BOUNDS,
            )
        )
    return Metric(
        name=name,
        unit="s",
        description=text,
        histogram=Histogram(aggregation_temporality=AGGREGATION_TEMPORALITY_DELTA, data_points=found),
    )
