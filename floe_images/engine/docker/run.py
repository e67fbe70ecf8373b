"""Running an image the one way images are run: hardened. There is no switch for a softer container.

A container is created and then started, since `run` in the SDK pulls an image that is missing, which an offline site
cannot.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from floe_images.engine.docker.connect import Engine, engine_errors

MEBIBYTE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """``image`` is a reference or an ID; ``volumes`` are (name of a volume, path in the container), both writable.

    ``memory`` and ``tmpfs`` (the size of ``/tmp``) in bytes. ``entrypoint`` empty: the image's own.
    """

    image: str
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    volumes: tuple[tuple[str, str], ...] = ()
    user: str = "12345:0"
    platform: str | None = None
    pids: int = 512
    memory: int = 2048 * MEBIBYTE
    tmpfs: int = 512 * MEBIBYTE


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
    exit_code: int
    out_of_memory: bool


# Called with (stdout, stderr) as they come; one of the two is None.
Output = Callable[[bytes | None, bytes | None], None]


def run(engine: Engine, request: RunRequest, output: Output) -> RunOutcome:
    """Run to the end and remove the container, also when interrupted. Never pulls, has no network.

    Raise EngineError where the image is not there or the engine refuses.
    """
    api = engine.client.api
    with engine_errors(f"running {request.image}"):
        container = api.create_container(
            request.image,
            command=list(request.command) or None,
            entrypoint=list(request.entrypoint) or None,
            environment=dict(request.env),
            user=request.user,
            platform=request.platform,
            network_disabled=True,
            host_config=api.create_host_config(**_hardened(request)),
            labels={"floe.run": "1"},
        )["Id"]
        try:
            stream = api.attach(container, stdout=True, stderr=True, stream=True, demux=True)
            api.start(container)
            for stdout, stderr in stream:
                output(stdout, stderr)
            exit_code = int(api.wait(container)["StatusCode"])
            state = api.inspect_container(container)["State"]
        finally:
            with contextlib.suppress(Exception):  # what went wrong first is what is said
                api.remove_container(container, force=True)
    return RunOutcome(exit_code=exit_code, out_of_memory=bool(state.get("OOMKilled")))


def _hardened(request: RunRequest) -> dict[str, Any]:
    return {
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "network_mode": "none",
        "pids_limit": request.pids,
        "mem_limit": request.memory,
        "memswap_limit": request.memory,
        "tmpfs": {"/tmp": f"rw,nosuid,nodev,mode=1777,size={request.tmpfs}"},  # noqa: S108
        "binds": {name: {"bind": path, "mode": "rw"} for name, path in request.volumes},
    }
