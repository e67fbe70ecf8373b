"""A strict reader of tar streams out of Debian packages: what no honest package has is refused, and memory is bounded.

ustar with GNU long names and pax paths (deb(5); https://www.gnu.org/software/tar/manual/html_node/Standard.html).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from floe_images.errors import HostileArchiveError

_BLOCK = 512
_CHUNK = 1 << 18
_LONGEST_NAME = 1 << 16
_MOST_MEMBERS = 200_000
_KINDS = {b"0": "file", b"\0": "file", b"7": "file", b"1": "hardlink", b"2": "symlink", b"5": "dir"}
_REFUSED = {b"3": "a character device", b"4": "a block device", b"6": "a named pipe"}


class Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, kw_only=True)
class Member:
    """``name`` and ``link`` as written, without cleaning; ``mode`` all twelve bits; ``size`` in bytes."""

    name: str
    kind: str  # file, dir, symlink, hardlink
    mode: int
    size: int
    link: str


def members(stream: Reader, where: str) -> Iterator[tuple[Member, Callable[[], Iterable[bytes]]]]:
    """Each member with its content, which is asked for before the next member or not at all.

    Raises HostileArchiveError for devices, pipes, unknown types, broken headers, names beyond 64 KiB, too many members
    and a stream that ends early.
    """
    count = 0
    name: str | None = None
    link: str | None = None
    while True:
        block = _exactly(stream, _BLOCK, where)
        if not block.strip(b"\0"):
            return
        count += 1
        if count > _MOST_MEMBERS:
            raise HostileArchiveError(f"more than {_MOST_MEMBERS} members", where=where)
        _check_sum(block, where)
        kind, size = block[156:157], _number(block[124:136], where)
        if kind in (b"L", b"K", b"x", b"g"):
            if size > _LONGEST_NAME:
                raise HostileArchiveError(f"a header of {size} bytes", where=where)
            data = _exactly(stream, size + -size % _BLOCK, where)[:size]
            if kind == b"L":
                name = _text(data, where)
            elif kind == b"K":
                link = _text(data, where)
            elif kind == b"x":
                records = _pax(data, where)
                if records.keys() & {"size", "GNU.sparse.major", "GNU.sparse.map"}:
                    raise HostileArchiveError("a size outside of the header", where=where)
                name, link = records.get("path", name), records.get("linkpath", link)
            continue
        prefix = _text(block[345:500], where) if block[257:263] == b"ustar\0" else ""
        short = _text(block[:100], where)
        full = name if name is not None else (f"{prefix}/{short}" if prefix else short)
        if kind not in _KINDS:
            raise HostileArchiveError(f"{full!r} is {_REFUSED.get(kind, 'of an unknown type')}", where=where)
        member = Member(
            name=full,
            kind="dir" if kind in (b"0", b"\0") and full.endswith("/") else _KINDS[kind],
            mode=_number(block[100:108], where) & 0o7777,
            size=size if kind in (b"0", b"\0", b"7") else 0,
            link=link if link is not None else _text(block[157:257], where),
        )
        name = link = None
        body = _Body(stream, member.size, where)
        yield member, body.read
        body.skip()


class _Body:
    def __init__(self, stream: Reader, size: int, where: str) -> None:
        self._stream, self._left, self._pad, self._where = stream, size, -size % _BLOCK, where

    def read(self) -> Iterator[bytes]:
        while self._left:
            chunk = self._stream.read(min(_CHUNK, self._left))
            if not chunk:
                raise HostileArchiveError("the archive ends early", where=self._where)
            self._left -= len(chunk)
            yield chunk

    def skip(self) -> None:
        for _ in self.read():
            pass
        _exactly(self._stream, self._pad, self._where)


def _exactly(stream: Reader, size: int, where: str) -> bytes:
    data = b""
    while len(data) < size:
        more = stream.read(size - len(data))
        if not more:
            raise HostileArchiveError("the archive ends early", where=where)
        data += more
    return data


def _check_sum(block: bytes, where: str) -> None:
    if _number(block[148:156], where) != sum(block[:148]) + sum(block[156:]) + 8 * 32:
        raise HostileArchiveError("a tar header with a wrong checksum", where=where)


def _number(field: bytes, where: str) -> int:
    if field[0] & 0x80:  # GNU's binary form, for what octal cannot hold: nothing in a package is that large
        raise HostileArchiveError("a number that does not fit", where=where)
    try:
        return int(field.replace(b"\0", b" ").strip() or b"0", 8)
    except ValueError:
        raise HostileArchiveError("a tar header that is not one", where=where) from None


def _text(field: bytes, where: str) -> str:
    try:
        return field.partition(b"\0")[0].decode()
    except UnicodeDecodeError:
        raise HostileArchiveError("a name that is not UTF-8", where=where) from None


def _pax(data: bytes, where: str) -> dict[str, str]:
    records: dict[str, str] = {}
    while data:
        length, _, _ = data.partition(b" ")
        size = int(length) if length.isdigit() and len(length) < 7 else 0
        keyword, mark, value = data[len(length) + 1 : size - 1].partition(b"=")
        if not mark or size > len(data) or data[size - 1 : size] != b"\n":
            raise HostileArchiveError("a pax header that is not one", where=where)
        records[_text(keyword, where)] = _text(value, where)
        data = data[size:]
    return records
