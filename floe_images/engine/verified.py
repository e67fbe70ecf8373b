"""A downloaded file of the cache, hashed when something is really made from it, and once in a process."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from floe_images.engine.store import disk_error
from floe_images.errors import WrongHashError

_CHUNK = 1 << 20
# Path → sha256, inode, modification time and size of the file that was hashed.
_verified: dict[Path, tuple[str, int, int, int]] = {}


def verified(path: Path, sha256: str, where: str) -> Path:
    """``path``, whose bytes have this hash. ``where`` is the file's name in messages.

    A file that was hashed when it was downloaded may have rotted, or been changed, since. Raises WrongHashError, and
    then it is gone, so that the next run gets it anew; DiskError.
    """
    digest = hashlib.sha256()
    try:
        if _verified.get(path) == _state(path, sha256):
            return path
        with open(path, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise disk_error(error, str(path)) from error
    if digest.hexdigest() != sha256:
        with contextlib.suppress(OSError):
            path.unlink()
        raise WrongHashError("damaged in the cache; it was removed", where=where, hint="run it again")
    remember(path, sha256)
    return path


def remember(path: Path, sha256: str) -> None:
    """``path`` was hashed by this process as it was written."""
    with contextlib.suppress(OSError):
        _verified[path] = _state(path, sha256)


def _state(path: Path, sha256: str) -> tuple[str, int, int, int]:
    found = path.stat()
    return sha256, found.st_ino, found.st_mtime_ns, found.st_size
