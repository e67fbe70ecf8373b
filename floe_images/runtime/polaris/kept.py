"""The files that credentials are kept in: ``ID:SECRET``, one a principal, in the secrets folder."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path

from floe_images.errors import FloeError, disk_error
from floe_images.runtime import log


class Kept:
    """``folder`` is Places.secrets. ``readable``: what is written there may be read by all, since the folder itself
    lies where only its owner gets to."""

    def __init__(self, folder: Path, *, readable: bool = False) -> None:
        self._folder = folder
        self._readable = readable

    def find(self, name: str) -> tuple[str, str] | None:
        """Client id and secret; None where the file is not there or holds something else. Raise DiskError."""
        try:
            text = (self._folder / name).read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
            return None
        except OSError as fault:
            raise disk_error(fault, str(self._folder / name)) from None
        client_id, _, secret = text.strip().partition(":")
        log.hide(secret)
        return (client_id, secret) if client_id and secret else None

    def check(self, name: str) -> None:
        """Raise DiskError, DiskFullError where `write` could not write: before a server makes what is shown once."""
        path = self._temporary(name)
        try:
            for left in self._folder.glob(f".{name}.*.tmp"):  # of an earlier apply that was killed
                left.unlink(missing_ok=True)
            self._put(path, f"{'x' * 16}:{'x' * 32}\n")
            path.unlink()
            if (self._folder / name).is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        except OSError as fault:
            raise self._fault(fault, name) from None
        finally:
            with contextlib.suppress(OSError):
                path.unlink()

    def write(self, name: str, client_id: str, secret: str) -> None:
        """The whole file, or the one before. Raise DiskError, DiskFullError."""
        log.hide(secret)
        path = self._temporary(name)
        try:
            self._put(path, f"{client_id}:{secret}\n")
            os.replace(path, self._folder / name)
        except OSError as fault:
            raise self._fault(fault, name) from None
        finally:
            with contextlib.suppress(OSError):
                path.unlink()

    def _temporary(self, name: str) -> Path:
        return self._folder / f".{name}.{secrets.token_hex(4)}.tmp"

    def _put(self, path: Path, text: str) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        # A container gets the file with its mode and runs as somebody else: the folder is what keeps others out.
        if self._readable or self._folder.stat().st_mode & 0o077 == 0:
            path.chmod(0o444)

    def _fault(self, fault: OSError, name: str) -> FloeError:
        error = disk_error(fault, str(self._folder / name))
        error.hint = "a new credential is written there: make the folder, and let this user write into it"
        return error
