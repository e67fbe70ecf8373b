"""floe.yaml's ``observability`` → channels: for each endpoint an encoder, a spool and a way to open its door."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from floe_images.artifacts.model import CompiledArtifacts, Reference, Settings
from floe_images.artifacts.secrets import look_up
from floe_images.errors import ProjectError
from floe_images.runtime.places import Places
from floe_images.runtime.telemetry.graph import Graphs
from floe_images.runtime.telemetry.lineage.encoder import LineageEncoder
from floe_images.runtime.telemetry.observer import Channel
from floe_images.runtime.telemetry.otlp.encoder import OtlpEncoder
from floe_images.runtime.telemetry.outbox import Outbox
from floe_images.runtime.telemetry.parcel import Door
from floe_images.runtime.telemetry.spool import Spool

_OTLP_PATHS = {"traces": "v1/traces", "metrics": "v1/metrics", "logs": "v1/logs"}


def make_channels(artifacts: CompiledArtifacts, *, places: Places, environ: Mapping[str, str]) -> tuple[Channel, ...]:
    """Those that floe.yaml names. No secret is looked up before a door is opened, in the outbox's own thread."""
    root, graphs = places.state / "telemetry", Graphs(places.home)
    found = []
    traces, lineage = artifacts.observability.traces, artifacts.observability.lineage
    if traces is not None:
        spool = Spool(root, "traces", _identity(traces, ("protocol", "endpoint")))
        door = _otlp_door(traces, places, environ)
        encoder = OtlpEncoder(artifacts, graphs=graphs)
        found.append(Channel(name="traces", encoder=encoder, outbox=Outbox(spool, door)))
    if lineage is not None:
        spool = Spool(root, "lineage", _identity(lineage, ("type", "url", "endpoint", "path")))
        door = _lineage_door(lineage, places, environ)
        jobs = _text(lineage, "namespace") or artifacts.name
        events = LineageEncoder(artifacts, graphs=graphs, places=places, environ=environ, jobs=jobs)
        found.append(Channel(name="lineage", encoder=events, outbox=Outbox(spool, door)))
    return tuple(found)


def _otlp_door(settings: Settings, places: Places, environ: Mapping[str, str]) -> Callable[[], Door]:
    url = _text(settings, "endpoint")

    def headers() -> dict[str, str]:
        named = settings.get("headers")
        items = named.items if isinstance(named, Settings) else ()
        setting = "observability.traces.headers"
        return {name: _value(value, f"{setting}.{name}", places, environ) for name, value in items}

    def grpc() -> Door:
        from floe_images.runtime.telemetry.doors.grpc import GrpcDoor

        return GrpcDoor(url, headers(), certificates=_certificates(environ))

    def http() -> Door:
        from floe_images.runtime.telemetry.doors.answers import refused
        from floe_images.runtime.telemetry.doors.http import HttpDoor

        paths = {path: f"{url.rstrip('/')}/{below}" for path, below in _OTLP_PATHS.items()}
        return HttpDoor(
            paths,
            {**headers(), "content-type": "application/x-protobuf"},
            certificates=_certificates(environ),
            refused=refused,
        )

    return grpc if _text(settings, "protocol") == "grpc" else http


def _lineage_door(settings: Settings, places: Places, environ: Mapping[str, str]) -> Callable[[], Door]:
    def http() -> Door:
        from floe_images.runtime.telemetry.doors.http import HttpDoor

        headers = {"content-type": "application/json"}
        key = settings.get("api_key")
        if key is not None:
            headers["authorization"] = f"Bearer {_value(key, 'observability.lineage.api_key', places, environ)}"
        url = f"{_text(settings, 'url').rstrip('/')}/{_text(settings, 'endpoint').lstrip('/')}"
        return HttpDoor({"lineage": url}, headers, certificates=_certificates(environ))

    def file() -> Door:
        from floe_images.runtime.telemetry.doors.file import FileDoor

        return FileDoor(Path(places.moved(_text(settings, "path"))))

    def console() -> Door:
        from floe_images.runtime.telemetry.doors.console import ConsoleDoor

        return ConsoleDoor()

    return {"http": http, "file": file, "console": console}[_text(settings, "type")]


def _certificates(environ: Mapping[str, str]) -> str | None:
    """The file with the authorities to trust; None: those that come with Python's packages."""
    return environ.get("SSL_CERT_FILE") or None


def _value(value: object, setting: str, places: Places, environ: Mapping[str, str]) -> str:
    found = (
        look_up(value, setting=setting, environ=environ, folder=places.secrets)
        if isinstance(value, Reference)
        else str(value)
    )
    if not found.isprintable() or not found.isascii():
        raise ProjectError(f"{setting} cannot be the value of a header")
    return found


def _text(settings: Settings, key: str) -> str:
    value = settings.get(key)
    return value if isinstance(value, str) else ""


def _identity(settings: Settings, keys: tuple[str, ...]) -> str:
    """Names the endpoint in the spool: what waits for one is never sent to another."""
    return hashlib.sha256("\0".join(_text(settings, key) for key in keys).encode()).hexdigest()[:16]
