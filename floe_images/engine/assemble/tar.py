"""Tar headers, the same bytes for the same entry on every machine.

ustar (POSIX.1-1988) with a pax extended header (POSIX.1-2001, *pax Interchange Format*) where a name, a link target or
a size does not fit. Owner 0:0 without names, time fixed, no devices.
"""

from __future__ import annotations

from floe_images.engine.assemble.entry import Entry
from floe_images.engine.assemble.packer import FILE_TIME

BLOCK = 512
END = bytes(2 * BLOCK)
_TYPES = {"file": b"0", "hardlink": b"1", "symlink": b"2", "dir": b"5"}
_NAME, _PREFIX, _LARGEST = 100, 155, 8**11 - 1


def header(entry: Entry) -> bytes:
    """The header blocks of an entry: a multiple of 512 bytes. Its content and ``padding`` follow."""
    name = entry.path.encode() + (b"/" if entry.kind == "dir" else b"")
    link = entry.link.encode()
    records = b""
    split = _split(name)
    if split is None:
        records += _record("path", name)
    if len(link) > _NAME or not link.isascii():
        records += _record("linkpath", link)
    if entry.size > _LARGEST:
        records += _record("size", str(entry.size).encode())
    prefix, short = split if split is not None else (b"", _ascii(name)[-_NAME:])
    size = min(entry.size, _LARGEST)
    block = _ustar(short, prefix, _TYPES[entry.kind], entry.mode, size, _ascii(link)[:_NAME])
    if not records:
        return block
    extended = _ustar(b"PaxHeaders/" + _ascii(name)[-80:].lstrip(b"/"), b"", b"x", 0o644, len(records), b"")
    return extended + records + padding(len(records)) + block


def padding(size: int) -> bytes:
    """Zeros from the end of ``size`` bytes of content to the next block."""
    return bytes(-size % BLOCK)


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """(prefix, name) of ustar, or None where the name needs a pax record."""
    if not name.isascii():
        return None
    if len(name) <= _NAME:
        return b"", name
    cut = name.rfind(b"/", 0, min(_PREFIX + 1, len(name) - 1))
    if cut <= 0 or len(name) - cut - 1 > _NAME:
        return None
    return name[:cut], name[cut + 1 :]


def _ascii(name: bytes) -> bytes:
    return name.decode().encode("ascii", "replace")


def _record(keyword: str, value: bytes) -> bytes:
    """``LENGTH keyword=value\\n``, where LENGTH counts its own digits too."""
    body = b" " + keyword.encode() + b"=" + value + b"\n"
    length = len(body) + 1
    while len(body) + len(str(length)) != length:
        length = len(body) + len(str(length))
    return str(length).encode() + body


def _ustar(name: bytes, prefix: bytes, kind: bytes, mode: int, size: int, link: bytes) -> bytes:
    before = b"%s%07o\0%07o\0%07o\0%011o\0%011o\0" % (name.ljust(_NAME, b"\0"), mode, 0, 0, size, FILE_TIME)
    after = b"%s%sustar\x0000%s%s%s" % (
        kind,
        link.ljust(_NAME, b"\0"),
        bytes(64),
        b"0000000\0" * 2,
        prefix.ljust(_PREFIX, b"\0"),
    )
    total = sum(before) + sum(after) + 8 * 32
    return (b"%s%06o\0 %s" % (before, total, after)).ljust(BLOCK, b"\0")
