"""What every server does first: its log, its places, Dagster's environment; faults are told before any import."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass

from floe_images.artifacts.model import CompiledArtifacts
from floe_images.errors import DiskError, DiskFullError, InfrastructureError, ProjectError, UsageError, disk_error
from floe_images.runtime import log
from floe_images.runtime.check import unwritable
from floe_images.runtime.metadata import connect_postgres, dagster_environment
from floe_images.runtime.places import Places, read_artifacts
from floe_images.runtime.storage_log import tell_storage_once


@dataclass(frozen=True, kw_only=True)
class Start:
    artifacts: CompiledArtifacts
    places: Places
    target: str


def start(role: str, environ: MutableMapping[str, str]) -> Start:
    """Prepare this process for Dagster: ``environ`` gets what Dagster reads, secrets of its metadata included.

    SIGTERM becomes KeyboardInterrupt, as SIGINT is. Raise the error of whatever is missing or cannot be written.
    """
    log.set_up(role, environ)
    # Runs that end with their server leave semaphores behind, which Python's own helper process would print about.
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    places = Places.of(environ)
    artifacts = read_artifacts(places)
    wanted = environ.get("FLOE_TARGET") or artifacts.default_target
    if artifacts.target(wanted) is None:
        known = ", ".join(target.name for target in artifacts.targets)
        raise UsageError(f"no target {wanted!r} in floe.yaml", hint=f"the targets are: {known}")
    for folder, what in ((places.state, "the state volume"), (places.scratch, "the scratch folder")):
        why = unwritable(folder)
        if why is not None and isinstance(disk_error(why, ""), DiskFullError):
            raise DiskFullError(f"{what} is full", where=str(folder), hint="free some space on it, and start it again")
        if why is not None:
            raise DiskError(
                f"{what} cannot be written: {why.strerror}",
                where=str(folder),
                hint="mount a volume that this user may write",
            )
    if not (places.home / "dagster" / "dagster.yaml").is_file():
        raise ProjectError(
            "no dagster.yaml is there", where=str(places.home / "dagster"), hint="floe build and floe run write it"
        )
    environ.update(dagster_environment(artifacts, places, environ))
    connection = connect_postgres(environ)
    if connection is not None:
        connection.close()
    tell_storage_once(environ)
    return Start(artifacts=artifacts, places=places, target=wanted)


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that a taken port is told in one line and nobody else takes it meanwhile. Raise
    InfrastructureError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as fault:
        found.close()
        raise InfrastructureError(
            f"port {port} of {host} cannot be had: {fault.strerror}", hint="--port names another one"
        ) from None
    return found


def give_up_after(seconds: float, last: Callable[[], None]) -> None:
    """Call ``last`` and end this process with 0 when its orderly end takes longer, so that nobody has to kill it."""

    def end() -> None:
        last()
        os._exit(0)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def is_interrupt(error: BaseException | None) -> bool:
    """Python wraps a KeyboardInterrupt that comes while it makes a class (until 3.12): in an import of Dagster's."""
    return isinstance(error, RuntimeError) and isinstance(error.__cause__, KeyboardInterrupt)


def ignore_signals() -> None:
    """The end has begun; another signal must not interrupt it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
