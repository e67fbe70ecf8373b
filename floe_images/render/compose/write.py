"""A `ComposeFile` → YAML. Every container is hardened here, in one place, and there is no switch for a softer one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import yaml

from floe_images.plan.base_files import GID, UID
from floe_images.plan.places import volume_name
from floe_images.render.compose.model import INSIDE, MEBIBYTE, ComposeFile, ComposeService, Need

_CONDITIONS = {"healthy": "service_healthy", "ended": "service_completed_successfully"}
_HEAD = "# Made by floe from floe.yaml; `docker compose -f {name}.yaml up --detach` works by hand, too.\n"
_ORDER = "# Made by floe: what of {name}.yaml waits for services of other files, for when those are given, too.\n"
_TRIES = 5  # restarts after a failure (CIS Docker Benchmark 5.14); more would hide a fault


def render_compose(file: ComposeFile) -> bytes:
    """The same value gives the same bytes."""
    here = {service.name for service in file.services}
    document = {
        "name": file.project,
        "services": {service.name: _service(service, here) for service in file.services},
        "networks": {name: {"internal": True} if name == INSIDE else {} for name in _all(file, "networks")},
    }
    volumes = [volume for service in file.services for volume, _ in service.volumes]
    if volumes:
        document["volumes"] = {name: {"name": volume_name(file.project, name)} for name in sorted(set(volumes))}
    secrets = _all(file, "secrets")
    if secrets:
        document["secrets"] = {name: {"file": f"{file.secrets}/{name}"} for name in secrets}
    if file.files:
        document["configs"] = {each.name: {"file": f"./{each.name}"} for each in file.files}
    text = yaml.safe_dump(document, sort_keys=False, width=120)
    return (_HEAD.format(name=file.name) + text).encode()


def render_order(file: ComposeFile) -> bytes | None:
    """What of ``file`` waits for services of other files; None where nothing does.

    An overlay: with the service in the file itself, compose would refuse that file alone, ``required: false`` or not
    (https://github.com/docker/compose/issues/10901).
    """
    here = {service.name for service in file.services}
    services = {}
    for service in file.services:
        needs = _depends_on(need for need in service.needs if need.service not in here)
        if needs:
            services[service.name] = {"depends_on": needs}
    if not services:
        return None
    text = yaml.safe_dump({"services": services}, sort_keys=False, width=120)
    return (_ORDER.format(name=file.name) + text).encode()


def _depends_on(needs: Iterable[Need]) -> dict[str, dict[str, str]]:
    return {need.service: {"condition": _CONDITIONS[need.condition]} for need in needs}


def _all(file: ComposeFile, field: str) -> list[str]:
    return sorted({name for service in file.services for name in getattr(service, field)})


def _service(service: ComposeService, here: Collection[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"image": service.image, "pull_policy": "never"}
    if service.entrypoint:
        found["entrypoint"] = list(service.entrypoint)
    if service.command:
        found["command"] = list(service.command)
    if service.environment:
        found["environment"] = dict(service.environment)
    if service.secrets:
        found["secrets"] = list(service.secrets)
    if service.files:
        found["configs"] = [{"source": each.name, "target": each.path} for each in service.files]
    if service.volumes:
        found["volumes"] = [f"{volume}:{path}" for volume, path in service.volumes]
    if service.ports:
        found["ports"] = [f"127.0.0.1:{port.host}:{port.container}" for port in service.ports]
    needs = _depends_on(need for need in service.needs if need.service in here)
    if needs:
        found["depends_on"] = needs
    if service.healthcheck:
        found["healthcheck"] = {"test": ["CMD", *service.healthcheck], **_HEALTH}
    elif not service.once:
        found["healthcheck"] = dict(_HEALTH)
    return found | _hardened(service)


_HEALTH = {"interval": "10s", "timeout": "10s", "retries": 6, "start_period": "60s", "start_interval": "1s"}


def _hardened(service: ComposeService) -> dict[str, Any]:
    memory = f"{service.memory // MEBIBYTE}m"
    return {
        "networks": list(service.networks) if not service.once else [INSIDE],
        "user": service.user or f"{UID}:{GID}",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "tmpfs": [f"{each.path}:rw,nosuid,nodev,mode=1777,size={each.size // MEBIBYTE}m" for each in service.tmpfs],
        "mem_limit": memory,
        "memswap_limit": memory,
        "pids_limit": service.pids,
        "cpu_shares": 512,
        "restart": "no" if service.once else f"on-failure:{_TRIES}",
        "stop_grace_period": "30s",
        "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
    }
