"""A server and the servers that it started: they end together, whichever ends first."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from floe_images.errors import InfrastructureError
from floe_images.runtime.roles.health import Note, grpc_health
from floe_images.runtime.roles.start import give_up_after, is_interrupt

_LOG = logging.getLogger("floe")
_READY = 60.0  # seconds for a code server to load
_ORDERLY = 8.0  # seconds for children to end; docker waits ten, Kubernetes thirty


class Family:
    """A context: on leaving it, every child is asked to end, and made to."""

    def __init__(self) -> None:
        self._children: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._ending = False
        self._deadline = 0.0
        self.code = 0  # what this process ends with: not 0 when a child ended by itself

    def __enter__(self) -> Family:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        self.begin_to_end()
        for role, child in self._children:
            try:
                child.wait(max(0.0, self._deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _LOG.warning("the %s did not end in time and was killed", role)
                child.kill()
                child.wait()
        return is_interrupt(error)

    def begin_to_end(self) -> None:
        """Ask every child to end, once: they do it while this process comes to its own end."""
        if self._deadline:
            return
        self._ending = True
        self._deadline = time.monotonic() + _ORDERLY
        for _, child in self._children:
            child.terminate()
        give_up_after(_ORDERLY + 0.5, self._kill)

    def _kill(self) -> None:
        for _, child in self._children:
            child.kill()

    def start(self, role: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start ``floe-runtime role arguments``; it ends too when this process is killed, for its stdin closes."""
        command = (sys.executable, "-m", "floe_images.runtime.main", role, *arguments, "--until-stdin-closes")
        child = subprocess.Popen(command, stdin=subprocess.PIPE, env={**os.environ, "PYTHONSAFEPATH": "1"})
        self._children.append((role, child))
        threading.Thread(target=self._watch, args=(role, child), daemon=True).start()
        return child

    def _watch(self, role: str, child: subprocess.Popen[bytes]) -> None:
        code = child.wait()
        if not self._ending:
            self._ending = True
            self.code = code if code > 0 else InfrastructureError.exit_code
            _LOG.error("the %s has ended with code %d", role, code)
            os.kill(os.getpid(), signal.SIGTERM)


def code_server(family: Family, address: str | None, *, role: str, scratch: Path, others: Sequence[str] = ()) -> str:
    """The gRPC target of the code server: ``address`` (host:port), or that of a child on a socket of its own."""
    if address is not None:
        return address
    folder = scratch / "floe-code"
    folder.mkdir(mode=0o700, exist_ok=True)
    place = folder / f"{role}.sock"
    place.unlink(missing_ok=True)
    family.start("code-server", "--socket", str(place), *others)
    return f"unix:{place}"


def wait_for(address: str, *, ours: bool) -> None:
    """Return when the code server answers. Whose is not ours may come later: after a few seconds it is not waited for.

    Raise InfrastructureError when ours does not answer in time.
    """
    began = time.monotonic()
    note = Note(role="code-server", pid=os.getpid(), kind="grpc", address=address)
    while time.monotonic() - began < (_READY if ours else 10.0):
        if grpc_health(note, wait=2.0) is None:
            return
        time.sleep(0.1)
    if ours:
        raise InfrastructureError("the code server does not answer", hint="its own log lines say more")
    _LOG.warning("the code server %s does not answer yet; its assets appear when it does", address)


def end_with_stdin() -> None:
    """End like on SIGTERM when stdin closes: whoever started this process is gone."""

    def watch() -> None:
        while os.read(0, 4096):  # not sys.stdin: its lock would be held when the interpreter ends
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
