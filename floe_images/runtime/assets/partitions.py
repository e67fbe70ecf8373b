"""Windows as Dagster's partitions, and a run's partition as dbt's window."""

from __future__ import annotations

import dagster

from floe_images.runtime.assets.windows import Windows

_CRON = {"hour": "0 * * * *", "day": "0 0 * * *", "week": "0 0 * * 1", "month": "0 0 1 * *", "year": "0 0 1 1 *"}
_FORMAT = {"hour": "%Y-%m-%d-%H:%M", "day": "%Y-%m-%d", "week": "%Y-%m-%d", "month": "%Y-%m-%d", "year": "%Y-%m-%d"}


def partitions_definition(windows: Windows) -> dagster.TimeWindowPartitionsDefinition:
    """Keys are the window's start: a day, or a day and a time for hours."""
    return dagster.TimeWindowPartitionsDefinition(
        start=windows.start, timezone=windows.timezone, fmt=_FORMAT[windows.every], cron_schedule=_CRON[windows.every]
    )


def partition_of(context: dagster.AssetExecutionContext) -> tuple[str | None, tuple[str, str] | None]:
    """The key (``first...last`` for several) and the window (ISO 8601, start and end) that a run is for, if any."""
    if not (context.has_partition_key or context.has_partition_key_range):
        return None, None
    window = context.partition_time_window
    if context.has_partition_key:
        key = context.partition_key
    else:
        several = context.partition_key_range
        key = f"{several.start}...{several.end}"
    return key, (window.start.isoformat(), window.end.isoformat())
