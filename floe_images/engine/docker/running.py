"""A container that is heard while it runs, and that Ctrl-C reaches."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from floe_images.engine.docker.connect import Engine, engine_errors
from floe_images.engine.docker.run import RunRequest, create
from floe_images.engine.running import Stream


class Container:
    """Implements ``engine.running.Running``. The container is gone after `wait` and after `kill`."""

    def __init__(self, engine: Engine, request: RunRequest) -> None:
        """Created and not started: `lines` starts it. Raise EngineError."""
        self._api = engine.client.api
        self._doing = f"running {request.image}"
        with engine_errors(self._doing):
            self._id = create(engine, request)

    def lines(self, put: Callable[[Stream, bytes], None]) -> None:
        with engine_errors(self._doing):
            # Attached before it starts, so that its first line is heard.
            stream = self._api.attach(self._id, stdout=True, stderr=True, stream=True, demux=True)
            self._api.start(self._id)

        def read() -> None:
            out, err = _Lines("stdout", put), _Lines("stderr", put)
            with contextlib.suppress(Exception):  # the engine went away: `wait` says so
                for stdout, stderr in stream:
                    out.take(stdout or b"")
                    err.take(stderr or b"")
            out.end()
            err.end()

        threading.Thread(target=read, name="read-container", daemon=True).start()

    def interrupt(self) -> None:
        with contextlib.suppress(Exception):  # it has ended
            self._api.kill(self._id, "SIGINT")

    def kill(self) -> None:
        with contextlib.suppress(Exception):
            self._api.remove_container(self._id, force=True)

    def wait(self) -> int:
        """Raise EngineError where the engine does not answer any more."""
        try:
            with engine_errors(self._doing):
                return int(self._api.wait(self._id)["StatusCode"])
        finally:
            self.kill()


class _Lines:
    """Blocks as they come → lines; at last an empty one."""

    def __init__(self, stream: Stream, put: Callable[[Stream, bytes], None]) -> None:
        self._stream, self._put, self._rest = stream, put, b""

    def take(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            self._put(self._stream, line + b"\n")

    def end(self) -> None:
        if self._rest:
            self._put(self._stream, self._rest)
        self._put(self._stream, b"")
