"""One writer a DuckDB file: a lock of the operating system's beside the file, and patience with who has it open.

The kernel frees the lock whatever ends its holder, so nothing has to be cleaned up after a kill. flock(2) belongs to
the open file and not to the process, so another descriptor of the same file does not drop it.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from floe_images.errors import disk_error

_POLL = 0.1  # seconds
_AGAIN = 30.0  # seconds between two lines that say who is waited for


class WriterLock:
    """Held from ``acquire`` to ``release`` by at most one process for each database file."""

    def __init__(self, database: Path, *, run: str) -> None:
        self._file = database.with_name(f"{database.name}.writer")
        self._database = database
        self._run = run
        self._descriptor: int | None = None

    def acquire(self, say: Callable[[str], None]) -> None:
        """Wait for as long as another run holds it, and say so. Raise DiskError, DiskFullError."""
        told: float | None = None
        while not self._try():
            now = time.monotonic()
            if told is None or now - told >= _AGAIN:
                say(f"waiting for {self._holder()}, which writes to {self._database}")
                told = now
            time.sleep(_POLL)

    def release(self) -> None:
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):
            self._file.unlink()  # while it is held: who waits for it finds that it is gone and makes a new one
        os.close(self._descriptor)
        self._descriptor = None

    def __enter__(self) -> WriterLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _try(self) -> bool:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o664)
        except OSError as fault:
            raise disk_error(fault, str(self._file)) from None
        try:
            if _lock(descriptor) and _is(descriptor, self._file):
                os.truncate(descriptor, 0)
                os.write(descriptor, json.dumps({"pid": os.getpid(), "run": self._run}).encode())
                self._descriptor, descriptor = descriptor, -1
                return True
            return False
        except OSError as fault:
            raise disk_error(fault, str(self._file)) from None
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def _holder(self) -> str:
        try:
            found = json.loads(self._file.read_bytes())
            return f"the run {found['run']} (process {found['pid']})"
        except (OSError, ValueError, KeyError, TypeError):
            return "another run"


def _lock(descriptor: int) -> bool:
    """Whether this open file holds the lock now."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is(descriptor: int, file: Path) -> bool:
    """Whether the locked file is still the one of that name: its holder removes it."""
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except OSError:
        return False
