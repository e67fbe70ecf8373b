"""The dbt worker seen from outside: starts the process, gives it one order, yields its events, and ends it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType

from floe_images.artifacts.events import Event, Outcome, RunFinished, from_line
from floe_images.artifacts.model import CompiledArtifacts
from floe_images.runtime.dbt.request import DbtRequest, Order, to_line
from floe_images.runtime.places import Places

CANCEL = "cancel\n"
_PATIENCE = 7.0  # seconds: the worker gives itself five
_ROOT = Path(__file__).parents[3]


class DbtWorker:
    """One process for one dbt invocation. Start it early: dbt's imports take longer than anything else."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._cancelled = False

    @classmethod
    def start(cls, *, adapter: str | None = None, manifest: Path | None = None) -> DbtWorker:
        """Return at once; the process begins to import dbt, and ``adapter`` where it is known. Raise OSError.

        ``manifest`` is a file that the request will probably want, under this environment's FLOE_HOME.
        """
        known = [*([adapter] if adapter else []), *([str(manifest)] if adapter and manifest else [])]
        command = [sys.executable, "-m", "floe_images.runtime.dbt.worker", *known]
        # floe_images may be on the path only because of how this process was started.
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"}
        return cls(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ))

    @property
    def pid(self) -> int:
        return self._process.pid

    def run(
        self, request: DbtRequest, *, artifacts: CompiledArtifacts, places: Places | None = None
    ) -> Generator[Event, None, None]:
        """The worker's events, the last one a RunFinished, whatever becomes of the process. Call it once.

        An interrupt of this process is passed on: the events go on until dbt has ended; a second one ends it at once.
        """
        order = Order(request=request, artifacts=artifacts, places=places or Places.of(os.environ))
        finished = False
        try:
            self._send(to_line(order))
            for line in self._lines():
                event = from_line(line)
                finished = isinstance(event, RunFinished)
                yield event
                if finished:
                    break
        finally:
            code = self._end()
        if not finished:
            outcome, message = self._lost(code)
            yield RunFinished(outcome=outcome, message=message, at=time.time_ns())

    def cancel(self) -> None:
        """Interrupt dbt: queries are cancelled, connections closed, and the events end with ``interrupted``."""
        self._cancelled = True
        self._send(CANCEL)

    def close(self) -> None:
        """End the process if it still runs: as an interrupt first, after seven seconds by force."""
        self._end()

    def __enter__(self) -> DbtWorker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, line: str) -> None:
        assert self._process.stdin
        with contextlib.suppress(OSError, ValueError):  # it has ended: what it said, or did not say, tells why
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()

    def _lines(self) -> Iterator[str]:
        """Whole lines. An interrupt in the middle of one loses nothing: what was read is kept here."""
        assert self._process.stdout
        kept = b""
        while True:
            try:
                data = os.read(self._process.stdout.fileno(), 1 << 16)
            except KeyboardInterrupt:
                if self._cancelled:
                    self._process.kill()
                    raise
                self.cancel()
                continue
            if not data:
                return
            *lines, kept = (kept + data).split(b"\n")
            yield from (line.decode() for line in lines)

    def _end(self) -> int:
        process = self._process
        assert process.stdin
        assert process.stdout
        with contextlib.suppress(OSError):
            process.stdin.close()
        if process.poll() is None:
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()
        return process.returncode

    def _lost(self, code: int) -> tuple[Outcome, str]:
        if self._cancelled or code == -signal.SIGALRM:  # its own: an interrupt that took too long
            return "interrupted", "interrupted"
        if code < 0:
            name = signal.Signals(-code).name
            memory = ", as the kernel does when memory runs out" if -code == signal.SIGKILL else ""
            return "infrastructure", f"the dbt process was ended by {name}{memory}"
        return "infrastructure", f"the dbt process ended with exit code {code} and said nothing"
