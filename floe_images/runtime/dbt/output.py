"""The worker's descriptors: events go out on what was stdout; whatever else is printed there becomes an event."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable

from floe_images.artifacts.events import Event, to_line

_DRAIN = 2.0  # seconds
_END = "\0end\n"  # a child process may hold the pipe open for longer than this one writes to it


class EventWriter:
    """Writes lines in a thread of its own, so that an interrupt of the main thread cannot cut one in the middle."""

    def __init__(self, descriptor: int, *, lost: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._lost = lost
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="floe-events", daemon=True)
        self._thread.start()

    def tell(self, event: Event) -> None:
        self._queue.put(to_line(event).encode())

    def close(self) -> None:
        """All that was told is written, if somebody reads it."""
        self._queue.put(None)
        self._thread.join(_DRAIN)

    def _write(self) -> None:
        while (line := self._queue.get()) is not None:
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except OSError:  # nobody reads any more
                self._lost()
                return


class Capture:
    """Descriptors 1 and 2 of this process, line by line, to ``say``; whatever was behind them is given back."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.stdout, self.stderr = os.dup(1), os.dup(2)
        self._say = say
        self._reader, writer = os.pipe()
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        os.close(writer)
        self._thread = threading.Thread(target=self._read, name="floe-output", daemon=True)
        self._thread.start()

    def close(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os.write(1, _END.encode())
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.close(null)
        self._thread.join(_DRAIN)

    def _read(self) -> None:
        with os.fdopen(self._reader, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.endswith(_END):
                    return
                self._say(line)
