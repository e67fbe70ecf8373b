"""The image configuration: what a container starts with, and how the layers came about (image-spec config.md)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, Protocol

from floe_images.image.layer import LayerBlob
from floe_images.image.platform import Platform
from floe_images.image.words import canonical_json


class RunSettings(Protocol):
    """What a container starts with; the plan's ``ImageConfig`` is one. ``healthcheck`` is Docker's extension."""

    @property
    def user(self) -> str: ...
    @property
    def env(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def entrypoint(self) -> tuple[str, ...]: ...
    @property
    def cmd(self) -> tuple[str, ...]: ...
    @property
    def working_dir(self) -> str: ...
    @property
    def volumes(self) -> tuple[str, ...]: ...
    @property
    def labels(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def healthcheck(self) -> tuple[str, ...]: ...
    @property
    def exposed_ports(self) -> tuple[str, ...]: ...
    @property
    def stop_signal(self) -> str: ...


def rfc3339(epoch: int) -> str:
    """Seconds since 1970 as OCI writes a time, in UTC."""
    return datetime.fromtimestamp(epoch, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def config_bytes(platform: Platform, layers: Sequence[LayerBlob], settings: RunSettings, *, epoch: int) -> bytes:
    """The canonical JSON of the configuration; every time in it is ``epoch`` (seconds)."""
    created = rfc3339(epoch)
    return canonical_json(
        {
            "architecture": platform.architecture,
            "os": platform.os,
            "created": created,
            "config": _container(settings),
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [{"created": created, "created_by": f"floe: {layer.name}"} for layer in layers],
        }
    )


def _container(settings: RunSettings) -> dict[str, Any]:
    value = {
        "User": settings.user,
        "Env": [f"{name}={text}" for name, text in settings.env],
        "Entrypoint": list(settings.entrypoint),
        "Cmd": list(settings.cmd),
        "WorkingDir": settings.working_dir,
        "Volumes": {path: {} for path in settings.volumes},
        "ExposedPorts": {port: {} for port in settings.exposed_ports},
        "Labels": dict(settings.labels),
        "StopSignal": settings.stop_signal,
        "Healthcheck": {"Test": list(settings.healthcheck)} if settings.healthcheck else {},
    }
    return {key: part for key, part in value.items() if part}
