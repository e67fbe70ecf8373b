"""One run as it is known so far: which nodes have ended, and which asset each belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field

from floe_images.artifacts.events import NodeFinished, RunStarted
from floe_images.runtime.telemetry.graph import ASSETS, Graph
from floe_images.runtime.telemetry.otlp.ids import span_id, trace_id

#: https://opentelemetry.io/docs/specs/semconv/registry/attributes/db/#db-system-name, with the adapters it lacks
SYSTEMS = {"postgres": "postgresql", "redshift": "aws.redshift", "bigquery": "gcp.bigquery"}
BAD = frozenset({"fail", "error"})


@dataclass(kw_only=True)
class Asset:
    """``start`` and ``end`` span its own node and its tests, in nanoseconds."""

    unique_id: str
    name: str
    start: int
    end: int
    failed: bool = False


@dataclass(kw_only=True)
class Run:
    started: RunStarted
    graph: Graph
    assets: dict[str, Asset] = field(default_factory=dict)
    finished: list[NodeFinished] = field(default_factory=list)

    @property
    def trace(self) -> bytes:
        return trace_id(self.started.run_id)

    @property
    def root(self) -> bytes:
        return self.span("run")

    @property
    def system(self) -> str:
        return SYSTEMS.get(self.started.adapter, self.started.adapter)

    def span(self, kind: str, unique_id: str = "") -> bytes:
        """The id of the span of this run, of an asset or of a node."""
        return span_id(self.started.run_id, self.started.transform, str(self.started.at), kind, unique_id)

    def asset_of(self, unique_id: str, resource_type: str) -> str | None:
        """The asset that a node is part of: itself, or what a test belongs to. None for hooks and the like."""
        if resource_type in ASSETS:
            return unique_id
        node = self.graph.node(unique_id)
        tested = self.graph.node(node.tested) if node and node.tested else None
        return tested.unique_id if tested and tested.resource_type in ASSETS else None

    def finish(self, event: NodeFinished) -> None:
        self.finished.append(event)
        key = self.asset_of(event.unique_id, event.resource_type)
        if key is None:
            return
        node = self.graph.node(key)
        name = event.name if key == event.unique_id else node.name if node else key
        asset = self.assets.setdefault(key, Asset(unique_id=key, name=name, start=event.started_at, end=event.at))
        asset.start, asset.end = min(asset.start, event.started_at), max(asset.end, event.at)
        asset.failed = asset.failed or event.status in BAD
