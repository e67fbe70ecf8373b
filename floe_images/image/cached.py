"""A layer's stored bytes, believed after hashing; what is damaged leaves the cache, so that a later build heals."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

from floe_images.errors import WrongHashError, disk_error
from floe_images.image.digest import Digest

_CHUNK = 1 << 20


class VerifiedReader:
    """Hashes what is read through it."""

    def __init__(self, stream: io.FileIO) -> None:
        self._stream = stream
        self.sha256 = hashlib.sha256()

    def read(self, size: int = _CHUNK) -> bytes:
        data = self._stream.read(size)
        self.sha256.update(data)
        return data

    def readinto(self, buffer: memoryview) -> int:
        """How many bytes of ``buffer`` were filled; 0 at the end."""
        size = self._stream.readinto(buffer)
        self.sha256.update(buffer[:size])
        return size


@contextlib.contextmanager
def verified(source: Path, digest: Digest) -> Iterator[VerifiedReader]:
    """A reader over ``source``; when the block ends, what was read has to be ``digest``'s bytes.

    Raise WrongHashError where it is not (``source`` is removed then), DiskError where ``source`` cannot be opened.
    """
    try:
        stream = open(source, "rb", buffering=0)  # noqa: SIM115
    except OSError as error:
        raise disk_error(error, str(source)) from error
    with stream:
        reader = VerifiedReader(stream)
        yield reader
    if reader.sha256.hexdigest() != digest.hex:
        raise remove_damaged(source)


def verify_blob(source: Path, digest: Digest) -> None:
    """Read ``source`` once. Raise as ``verified`` does."""
    with verified(source, digest) as reader:
        while reader.read():
            pass


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
