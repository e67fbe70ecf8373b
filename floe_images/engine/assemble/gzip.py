"""gzip members whose bytes depend on the content and on the compressor's version only (RFC 1952, RFC 1951)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from floe_images.engine.assemble.packer import GZIP_LEVEL

_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # no name, no time, no hint of the level, operating system "unknown"
# Input is handed over in blocks of this size, so that the output cannot depend on how the content arrived.
_BLOCK = 1 << 18


class DamagedError(Exception):
    """A cached member does not decode; it has to be made again."""


class Member:
    """Writes one member to ``sink``. Call ``close`` once at the end; ``tar_size`` counts the bytes that went in."""

    def __init__(self, sink: Callable[[bytes], object]) -> None:
        from zlib_ng import zlib_ng

        self._sink = sink
        self._crc32 = zlib_ng.crc32
        self._deflate = zlib_ng.compressobj(GZIP_LEVEL, zlib_ng.DEFLATED, -15)
        self._buffer = bytearray()
        self._crc = 0
        self.tar_size = 0
        self.size = len(_HEAD)
        sink(_HEAD)

    def write(self, data: bytes) -> None:
        self.tar_size += len(data)
        with memoryview(data) as view:
            start = 0
            if self._buffer:
                start = _BLOCK - len(self._buffer)
                self._buffer += view[:start]
                if len(self._buffer) < _BLOCK:
                    return
                self._feed(bytes(self._buffer))
                self._buffer.clear()
            while start + _BLOCK <= len(data):
                with view[start : start + _BLOCK] as block:
                    self._feed(block)
                start += _BLOCK
            self._buffer += view[start:]

    def close(self) -> None:
        self._feed(bytes(self._buffer))
        self._put(self._deflate.flush())
        self._put(self._crc.to_bytes(4, "little") + (self.tar_size & 0xFFFFFFFF).to_bytes(4, "little"))

    def _feed(self, block: bytes | memoryview) -> None:
        self._crc = self._crc32(block, self._crc)
        self._put(self._deflate.compress(block))

    def _put(self, data: bytes) -> None:
        if data:
            self.size += len(data)
            self._sink(data)


def member(chunks: Iterable[bytes]) -> bytes:
    """One whole member in memory, for what is small."""
    parts: list[bytes] = []
    writer = Member(parts.append)
    for chunk in chunks:
        writer.write(chunk)
    writer.close()
    return b"".join(parts)


def read_member(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """(stored bytes, what they decode to), block by block, of a file that is exactly one member.

    Raises DamagedError where the file ends early, has more behind the member, or its checksum does not match.
    """
    from zlib_ng import zlib_ng

    inflate = zlib_ng.decompressobj(31)
    with open(path, "rb") as stream:
        while block := stream.read(_BLOCK):
            try:
                plain = inflate.decompress(block)
            except zlib_ng.error as error:  # type: ignore[misc]
                raise DamagedError(str(error)) from error
            yield block, plain
    if not inflate.eof or inflate.unused_data:
        raise DamagedError("not exactly one gzip member")
