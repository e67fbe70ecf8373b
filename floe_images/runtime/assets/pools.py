"""Pools: a target on a DuckDB file has one of its own, which Dagster's queue lets one run at a time through."""

from __future__ import annotations

from typing import Any

from floe_images.artifacts.model import CompiledArtifacts, TargetArtifact
from floe_images.runtime.assets.names import plain_name


def pool_of(target: TargetArtifact) -> str | None:
    """None: any number of runs at once."""
    return f"duckdb_{plain_name(target.name)}" if target.adapter == "duckdb" else None


def prepare_pools(instance: Any, artifacts: CompiledArtifacts) -> None:
    """Make the pools known to ``instance`` (Dagster's), with its default limit.

    Dagster does so itself when it first sees a queued run of a pool, but lets everything through that very time. It
    must not be asked for a pool that is there: on PostgreSQL that fails (a statement after one that was refused).
    """
    storage = instance.event_log_storage
    known = {limit.name for limit in storage.get_pool_limits()}
    for pool in filter(None, map(pool_of, artifacts.targets)):
        if pool not in known:
            storage.initialize_concurrency_limit_to_default(pool)
