"""The outside of a Debian package: an ar archive with a control and a data tar, read as bounded streams (deb(5))."""

from __future__ import annotations

import contextlib
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from floe_images.engine.store import disk_error
from floe_images.errors import HostileArchiveError

_CHUNK = 1 << 16
_MOST_UNPACKED = 4 << 30
# Honest packages: 3 to 15. Zeros compress 1:7000 with xz.
_HIGHEST_RATIO, _RATIO_COUNTS_FROM = 400, 64 << 20
_XZ_MEMORY = 128 << 20  # `xz -9` needs 65 MB


@dataclass(frozen=True, kw_only=True)
class ArMember:
    name: str
    offset: int
    size: int


def ar_members(stream: BinaryIO, size: int, where: str) -> tuple[ArMember, ArMember]:
    """The control and the data member of an open package of ``size`` bytes. Raises HostileArchiveError."""
    if stream.read(8) != b"!<arch>\n":
        raise HostileArchiveError("not a Debian package", where=where)
    members: list[ArMember] = []
    while (offset := stream.tell()) < size and len(members) < 3:
        head = stream.read(60)
        try:
            length = int(head[48:58])
            name = head[:16].decode("ascii").strip().rstrip("/")
        except ValueError:
            raise HostileArchiveError("a broken ar header", where=where) from None
        if len(head) < 60 or head[58:] != b"`\n" or not 0 <= length <= size - offset - 60:
            raise HostileArchiveError("a broken ar header", where=where)
        members.append(ArMember(name=name, offset=offset + 60, size=length))
        stream.seek(offset + 60 + length + length % 2)
    names = [member.name.partition(".")[0] for member in members]
    if names != ["debian-binary", "control", "data"]:
        raise HostileArchiveError("not debian-binary, control and data in this order", where=where)
    stream.seek(members[0].offset)
    if not stream.read(min(members[0].size, 4)).startswith(b"2."):
        raise HostileArchiveError("an unknown version of the package format", where=where)
    return members[1], members[2]


@contextlib.contextmanager
def opened(path: Path, where: str) -> Iterator[tuple[Unpacked, Unpacked]]:
    """The control tar and the data tar of the package at ``path``, to be read in this order or only one of them."""
    try:
        with open(path, "rb") as stream:
            control, data = ar_members(stream, path.stat().st_size, where)
            yield Unpacked(stream, control, where), Unpacked(stream, data, where)
    except OSError as error:
        raise disk_error(error, str(path)) from error


class _Xz:
    def __init__(self) -> None:
        self._xz = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)

    @property
    def eof(self) -> bool:
        return self._xz.eof

    def feed(self, data: bytes, most: int) -> bytes:
        return self._xz.decompress(data if self._xz.needs_input else b"", most)

    @property
    def hungry(self) -> bool:
        return self._xz.needs_input


class _Gzip:
    def __init__(self) -> None:
        self._gzip = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._gzip.eof

    def feed(self, data: bytes, most: int) -> bytes:
        return self._gzip.decompress(self._gzip.unconsumed_tail + data, most)

    @property
    def hungry(self) -> bool:
        return not self._gzip.unconsumed_tail


class _Plain:
    eof = False
    hungry = True

    def feed(self, data: bytes, most: int) -> bytes:  # noqa: ARG002
        return data


class Unpacked:
    """``read(size)`` of a decompressed member; raises HostileArchiveError for a bomb and for broken data."""

    def __init__(self, stream: BinaryIO, member: ArMember, where: str) -> None:
        self._stream, self._member, self._where = stream, member, where
        self._position, self._total = 0, 0
        self._ready = b""
        self._inflate = self._decompressor(member.name)

    def _decompressor(self, name: str) -> _Xz | _Gzip | _Plain:
        match name.partition(".tar")[2]:
            case ".xz":
                return _Xz()
            case ".gz":
                return _Gzip()
            case "":
                return _Plain()
            case other:
                raise HostileArchiveError(f"{name}: the compression {other or name!r} is not read", where=self._where)

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes, and b"" only at the end."""
        while not self._ready:
            if not self._more():
                return b""
        data, self._ready = self._ready[:size], self._ready[size:]
        return data

    def _more(self) -> bool:
        if self._inflate.eof:
            return False
        data = b""
        if self._inflate.hungry:
            self._stream.seek(self._member.offset + self._position)
            data = self._stream.read(min(_CHUNK, self._member.size - self._position))
            self._position += len(data)
            if not data:
                if isinstance(self._inflate, _Plain):
                    return False
                raise HostileArchiveError(f"{self._member.name} ends early", where=self._where)
        try:
            self._ready = self._inflate.feed(data, 4 * _CHUNK)
        except (lzma.LZMAError, zlib.error) as error:
            raise HostileArchiveError(f"{self._member.name}: {error}", where=self._where) from error
        self._total += len(self._ready)
        too_dense = self._total > max(_RATIO_COUNTS_FROM, self._position * _HIGHEST_RATIO)
        if too_dense or self._total > _MOST_UNPACKED:
            raise HostileArchiveError(f"{self._member.name} unpacks to far more than it should", where=self._where)
        return True
