"""A layer's stored bytes, believed after hashing; what is damaged leaves the cache, so that a later build heals."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

from floe_images.errors import WrongHashError, disk_error
from floe_images.image.digest import Digest

_CHUNK = 1 << 20
# (device, inode, bytes, time of change, digest) of what this process has hashed: a layer goes into a layout and into an
# archive, and is hashed once.
_SOUND: set[tuple[int, int, int, int, str]] = set()


class VerifiedReader:
    """Hashes what is read through it; ``hashing`` False: only reads."""

    def __init__(self, stream: io.FileIO, *, hashing: bool = True) -> None:
        self._stream = stream
        self.hashing = hashing
        self.sha256 = hashlib.sha256()

    def read(self, size: int = _CHUNK) -> bytes:
        data = self._stream.read(size)
        if self.hashing:
            self.sha256.update(data)
        return data

    def readinto(self, buffer: memoryview) -> int:
        """How many bytes of ``buffer`` were filled; 0 at the end."""
        size = self._stream.readinto(buffer)
        if self.hashing:
            self.sha256.update(buffer[:size])
        return size


@contextlib.contextmanager
def verified(source: Path, digest: Digest) -> Iterator[VerifiedReader]:
    """A reader over ``source``; when the block ends, what was read has to be ``digest``'s bytes, or this process has
    seen before that they are.

    Raise WrongHashError where it is not (``source`` is removed then), DiskError where ``source`` cannot be opened.
    """
    try:
        stream = open(source, "rb", buffering=0)  # noqa: SIM115
    except OSError as error:
        raise disk_error(error, str(source)) from error
    with stream:
        key = _key(stream, digest)
        known = key in _SOUND
        reader = VerifiedReader(stream, hashing=not known)
        yield reader
    if known:
        return
    if reader.sha256.hexdigest() != digest.hex:
        raise remove_damaged(source)
    _SOUND.add(key)


def _key(stream: io.FileIO, digest: Digest) -> tuple[int, int, int, int, str]:
    found = os.fstat(stream.fileno())
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, digest.hex


def verify_blob(source: Path, digest: Digest) -> None:
    """Read ``source`` once a process. Raise as ``verified`` does."""
    with verified(source, digest) as reader:
        while reader.hashing and reader.read():
            pass


def is_sound(path: Path, digest: Digest) -> bool:
    """Whether a file that is not the cache's has ``digest``'s bytes."""
    with open(path, "rb", buffering=0) as stream:
        found = hashlib.sha256()
        while block := stream.read(_CHUNK):
            found.update(block)
    return found.hexdigest() == digest.hex


def remove_damaged(source: Path) -> WrongHashError:
    """Take ``source`` out of the cache; the error to raise. Raise DiskError where it cannot be removed."""
    try:
        source.unlink(missing_ok=True)
    except OSError as error:
        raise disk_error(error, str(source)) from error
    return WrongHashError(
        "a layer was damaged in the cache; it was removed",
        where=str(source),
        hint="run it again: the layer is made anew",
    )
