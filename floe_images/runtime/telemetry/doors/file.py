"""OpenLineage into a file: one event a line, and a line is there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from floe_images.runtime.telemetry.parcel import Parcel, UndeliveredError


class FileDoor:
    """``path`` is made if it is not there, with its folders."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, parcel: Parcel) -> int:
        import fcntl

        line = parcel.body + b"\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o664)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)  # other runs append to it as well; they hold it for one line
                size = os.lseek(descriptor, 0, os.SEEK_END)
                try:
                    written = os.write(descriptor, line)
                except OSError:
                    written = -1
                if written != len(line):
                    os.ftruncate(descriptor, size)
                    raise UndeliveredError("the file of observability.lineage.path is full")
            finally:
                os.close(descriptor)
        except OSError as fault:
            raise UndeliveredError(f"observability.lineage.path cannot be written: {fault.strerror}") from None
        return 0

    def close(self) -> None:
        """Nothing stays open."""
