"""``observability``'s endpoints: OpenTelemetry and OpenLineage."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from floe_images.spec.values import Line, Name, Secret, StatePath, Strict, Url


class Traces(Strict):
    """OpenTelemetry over OTLP."""

    endpoint: Url = Field(description="Address of the collector, such as http://collector:4317.")
    protocol: Literal["grpc", "http"] = Field(default="grpc", description="OTLP over gRPC, or over HTTP (protobuf).")
    headers: dict[Name, Secret] = Field(default={}, description="Headers of each request, such as authorization.")


class HttpLineage(Strict):
    """OpenLineage over HTTP."""

    type: Literal["http"] = Field(description="Over HTTP.")
    url: Url = Field(description="Address of the server.")
    endpoint: Line = Field(default="api/v1/lineage", description="Path below the address.")
    api_key: Secret | None = Field(default=None, description="Bearer token.")
    namespace: Line | None = Field(default=None, description="Namespace of jobs; floe.yaml's name unless given.")


class FileLineage(Strict):
    """OpenLineage into a file."""

    type: Literal["file"] = Field(description="Into a file, one event a line.")
    path: StatePath = Field(description="The file, under /var/lib/floe.")
    namespace: Line | None = Field(default=None, description="Namespace of jobs; floe.yaml's name unless given.")


class ConsoleLineage(Strict):
    """OpenLineage into the log."""

    type: Literal["console"] = Field(description="Into the log.")
    namespace: Line | None = Field(default=None, description="Namespace of jobs; floe.yaml's name unless given.")
