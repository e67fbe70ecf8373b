"""Running an image the one way images are run: hardened. There is no switch for a softer container.

A container is created and then started, since `run` in the SDK pulls an image that is missing, which an offline site
cannot.
"""

from __future__ import annotations

import contextlib
import os
import platform
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from floe_images.engine.docker.connect import Engine, engine_errors
from floe_images.errors import CancelledError

MEBIBYTE = 1 << 20
OWNER = "floe.owner"  # a label: the machine and the process that runs the container
_POLL = 0.2  # seconds


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """``image`` is a reference or an ID; ``volumes`` are (name of a volume, path in the container), all writable.

    ``mounts`` are (folder of this machine, path in the container), to be read only. ``memory`` and ``tmpfs`` (the size
    of ``/tmp``) in bytes. ``entrypoint`` empty: the image's own. ``network`` is ``none`` or a network of the engine's.
    """

    image: str
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    volumes: tuple[tuple[str, str], ...] = ()
    mounts: tuple[tuple[str, str], ...] = ()
    network: str = "none"
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


def run(engine: Engine, request: RunRequest, output: Output, *, stop: threading.Event | None = None) -> RunOutcome:
    """Run to the end, or until ``stop`` is set, and remove the container, also when interrupted. Never pulls.

    Raise EngineError where the image is not there or the engine refuses, CancelledError when ``stop`` is set.
    """
    api, stop = engine.client.api, stop or threading.Event()
    with engine_errors(f"running {request.image}"):
        container = create(engine, request)
        try:
            stream = api.attach(container, stdout=True, stderr=True, stream=True, demux=True)
            api.start(container)
            with _killed_at(stop, engine, container):
                for stdout, stderr in stream:
                    output(stdout, stderr)
                exit_code = int(api.wait(container)["StatusCode"])
            if stop.is_set():
                raise CancelledError("stopped")
            state = api.inspect_container(container)["State"]
        finally:
            with contextlib.suppress(Exception):  # what went wrong first is what is said
                api.remove_container(container, force=True)
    return RunOutcome(exit_code=exit_code, out_of_memory=bool(state.get("OOMKilled")))


@contextlib.contextmanager
def _killed_at(stop: threading.Event, engine: Engine, container: str) -> Iterator[None]:
    """While the block hears a container, which may have nothing to say, another thread looks at ``stop``."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_POLL):
            if stop.is_set():
                with contextlib.suppress(Exception):  # it ended by itself just now
                    engine.client.api.kill(container)

    watcher = threading.Thread(target=watch, name="stop-container", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def create(engine: Engine, request: RunRequest) -> str:
    """The ID of a new container, which is not started. To be called inside `engine_errors`."""
    api = engine.client.api
    return str(
        api.create_container(
            request.image,
            command=list(request.command) or None,
            entrypoint=list(request.entrypoint) or None,
            environment=dict(request.env),
            user=request.user,
            platform=request.platform,
            network_disabled=request.network == "none",
            host_config=api.create_host_config(**_hardened(request)),
            labels={"floe.run": "1", OWNER: owner()},
        )["Id"]
    )


def owner() -> str:
    """What `OWNER` says of this process' containers."""
    return f"{platform.node()} {os.getpid()}"


def _hardened(request: RunRequest) -> dict[str, Any]:
    return {
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "network_mode": request.network,
        "pids_limit": request.pids,
        "mem_limit": request.memory,
        "memswap_limit": request.memory,
        "tmpfs": {"/tmp": f"rw,nosuid,nodev,mode=1777,size={request.tmpfs}"},  # noqa: S108
        "binds": {
            **{name: {"bind": path, "mode": "rw"} for name, path in request.volumes},
            **{folder: {"bind": path, "mode": "ro"} for folder, path in request.mounts},
        },
    }
