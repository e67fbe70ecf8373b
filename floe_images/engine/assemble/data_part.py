"""A locked data file as one entry of a layer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from floe_images.engine.assemble.entry import Entries, Entry
from floe_images.engine.fetch.member import open_member
from floe_images.errors import WrongHashError
from floe_images.lock.model import LockedData

_CHUNK = 1 << 18


def data_entries(data: LockedData, *, place: str, path: Path) -> Entries:
    """``path`` is the downloaded file that holds the member. Raises WrongHashError unless the unpacked member is what
    the lock says, HostileArchiveError, DiskError."""
    yield Entry(path=place, kind="file", mode=0o644, size=data.size), lambda: _content(data, path)


def _content(data: LockedData, path: Path) -> Iterator[bytes]:
    found, size = hashlib.sha256(), 0
    with open_member(path, data.member) as stream:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > data.size:
                break
            found.update(chunk)
            yield chunk
    if size != data.size or found.hexdigest() != data.sha256:
        raise WrongHashError(
            f"{data.member} is not what floe.lock says",
            where=f"{data.package} {data.version}",
            hint=f"floe lock --upgrade {data.package}",
        )
