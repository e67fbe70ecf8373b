"""A search for secrets in what a run leaves behind: also where they are encoded, compressed, or in a database's pages.

``python canary.py NEEDLE… -- PATH…`` prints JSON: a list of (needle, how it was hidden, file). Run it with a runtime
environment's Python, which has zstandard. A needle is letters and digits, so that quoting leaves it as it is; what
quotes every character (percent, ``\\u``, HTML) is searched for as such.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import contextlib
import hashlib
import json
import lzma
import re
import sqlite3
import struct
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

_DEPTH = 4
_MOST = 1 << 30  # bytes of one unpacked stream
_PIECE = 1 << 16
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{40,}")
_HEX = re.compile(rb"[0-9a-fA-F]{64,}")
# One by one these are found several times faster than as alternatives of one pattern.
_PACKED = tuple(
    re.compile(magic)
    for magic in (rb"\x1f\x8b\x08", rb"\x78[\x01\x5e\x9c\xda]", rb"\x28\xb5\x2f\xfd", rb"PK\x03\x04",
                  rb"BZh[1-9]1AY", rb"\xfd7zXZ\0")
)  # fmt: skip

Found = tuple[str, str, str]


class Search:
    """Call `bytes` and `file` with what may not have a needle in it; ``found`` is what has."""

    def __init__(self, needles: Iterable[str]) -> None:
        self._forms = [(needle, form, text) for needle in needles for form, text in forms(needle)]
        # PostgreSQL's own compression puts a byte between any eight.
        self._loose = [
            (each, re.compile(b".?".join(re.escape(bytes([c])) for c in each.encode()), re.S)) for each in needles
        ]
        self.found: list[Found] = []
        # SHA-256 of files without any, and whether each was read as a log of SQLite's: caches and layouts share files.
        self._clean: set[tuple[bytes, bool]] = set()

    def file(self, path: Path) -> None:
        data = path.read_bytes()
        key, before = (hashlib.sha256(data).digest(), path.name.endswith("-wal")), len(self.found)
        if key not in self._clean:
            self._file(path, data)
            if len(self.found) == before:
                self._clean.add(key)

    def _file(self, path: Path, data: bytes) -> None:
        self.bytes(data, str(path), loose=len(data) < 1 << 27)
        if data.startswith(b"SQLite format 3\0"):
            self._sqlite(path, data)
        elif path.name.endswith("-wal"):
            self._wal(data, str(path))

    def folder(self, path: Path) -> None:
        """Every file below; names of files count as content."""
        for each in sorted(path.rglob("*")):
            self.bytes(str(each.relative_to(path)).encode(), f"the name of {each}")
            if each.is_symlink():
                self.bytes(str(each.readlink()).encode(), f"the link {each}")
            elif each.is_file():
                self.file(each)

    def bytes(self, data: bytes, where: str, *, how: str = "", depth: int = _DEPTH, loose: bool = False) -> None:
        for needle, form, text in self._forms:
            if text in data:
                self._add(needle, how + form, where)
        if loose:
            for needle, pattern in self._loose:
                if pattern.search(data):
                    self._add(needle, how + "plain, between other bytes", where)
        if depth == 0:
            return
        for kind, inner in _inside(data):
            self.bytes(inner, where, how=f"{how}{kind} > ", depth=depth - 1)

    def _add(self, needle: str, how: str, where: str) -> None:
        if (needle, how, where) not in self.found:
            self.found.append((needle, how, where))

    def _sqlite(self, path: Path, data: bytes) -> None:
        """What goes over several pages: the rows that are there, and overflow pages one after the other.

        https://www.sqlite.org/fileformat.html, 1.6: an overflow page begins with the number of the next one.
        """
        (size,) = struct.unpack("!H", data[16:18])
        size = 65536 if size == 1 else size
        pages = (data[at : at + size] for at in range(0, len(data), size))
        self.bytes(b"".join(page[4:] for page in pages), str(path), how="pages > ", depth=1)
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as opened:
            opened.text_factory = bytes
            tables = opened.execute("select name from sqlite_master where type = 'table'").fetchall()
            for (table,) in tables:
                for row in opened.execute(f'select * from "{table.decode()}"'):
                    for value in row:
                        if isinstance(value, bytes):
                            self.bytes(value, str(path), how="rows > ")

    def _wal(self, data: bytes, where: str) -> None:
        """https://www.sqlite.org/fileformat.html, 4.1: a header of 32 bytes, then frames of 24 and a page."""
        if data[:3] != b"\x37\x7f\x06":
            return
        (size,) = struct.unpack("!I", data[8:12])
        pages = (data[at + 28 : at + 24 + size] for at in range(32, len(data), 24 + size))
        self.bytes(b"".join(pages), where, how="pages > ", depth=1)


def forms(needle: str) -> Iterator[tuple[str, bytes]]:
    """(how it is written, the bytes to look for)."""
    plain, wide = needle.encode(), needle.encode("utf-16-le")[:-1]
    yield "plain", plain
    yield "capitals", plain.upper()
    yield "utf-16", wide
    for way in (bytes.lower, bytes.upper):
        yield "hex", way(plain.hex().encode())
    for name, pattern in (("percent", "%{:02x}"), ("json", "\\u{:04x}"), ("repr", "\\x{:02x}"), ("html", "&#x{:x};")):
        written = "".join(pattern.format(each) for each in plain)
        yield name, written.encode()
        yield name, re.sub(r"[0-9a-f]{2,4}", lambda found: found[0].upper(), written).encode()
    yield "html", "".join(f"&#{each};" for each in plain).encode()
    for text, kind in ((plain, "base64"), (needle.encode("utf-16-le"), "base64 of utf-16")):
        for shift in range(3):
            whole = base64.b64encode(bytes(shift) + text)
            # Without the characters that bytes before and after have a part in.
            part = whole[-(-8 * shift // 6) : 8 * (shift + len(text)) // 6]
            yield f"{kind}, shifted by {shift}", part
            yield f"{kind}, shifted by {shift}", part.translate(bytes.maketrans(b"+/", b"-_"))


def _inside(data: bytes) -> Iterator[tuple[str, bytes]]:
    """What is packed or encoded in ``data``, wherever it begins."""
    for match in (each for magic in _PACKED for each in magic.finditer(data)):
        name, unpack = _UNPACK[match[0][:2]]
        with contextlib.suppress(Exception):  # it only looked like one
            inner = unpack(data, match.start())
            if inner:
                yield name, inner
    for match in _BASE64.finditer(data):
        for shift in range(4):
            text = match[0][shift:]
            with contextlib.suppress(binascii.Error):
                inner = base64.b64decode(text[: len(text) // 4 * 4].translate(bytes.maketrans(b"-_", b"+/")))
                if any(magic.match(inner) for magic in _PACKED):
                    yield "base64", inner
    for match in _HEX.finditer(data):
        yield "hex", bytes.fromhex(match[0][: len(match[0]) // 2 * 2].decode())
    joined = data
    for each in (b"=\r\n", b"=\n", b"\r\n", b"\n", b"\\r\\n", b"\\n"):
        joined = joined.replace(each, b"")
    if len(joined) < len(data):
        yield "without line breaks", joined


def _zlib(wbits: int) -> Callable[[bytes, int], bytes]:
    def unpack(data: bytes, at: int) -> bytes:
        stream, found, size, view = zlib.decompressobj(wbits), [], 0, memoryview(data)
        # Piece by piece: zlib copies all that it is given beyond the stream's end.
        for start in range(at, len(data), _PIECE):
            found.append(stream.decompress(view[start : start + _PIECE]))
            size += len(found[-1])
            if stream.eof or size > _MOST:
                break
        return b"".join(found)

    return unpack


def _zip(data: bytes, at: int) -> bytes:
    """A local file header of a zip archive: APPNOTE.TXT, 4.3.7."""
    method, name, extra = (struct.unpack_from("<H", data, at + offset)[0] for offset in (8, 26, 28))
    start = at + 30 + name + extra
    return _zlib(-15)(data, start) if method == 8 else b""


def _zstd(data: bytes, at: int) -> bytes:
    import zstandard

    return bytes(zstandard.ZstdDecompressor().decompressobj().decompress(data[at:]))


_UNPACK: dict[bytes, tuple[str, Callable[[bytes, int], bytes]]] = {
    b"\x1f\x8b": ("gzip", _zlib(31)),
    b"\x28\xb5": ("zstd", _zstd),
    b"PK": ("zip", _zip),
    b"BZ": ("bzip2", lambda data, at: bz2.BZ2Decompressor().decompress(data[at:], _MOST)),
    b"\xfd7": ("xz", lambda data, at: lzma.LZMADecompressor().decompress(data[at:], _MOST)),
    **{b"\x78" + each: ("zlib", _zlib(15)) for each in (b"\x01", b"\x5e", b"\x9c", b"\xda")},
}


def main() -> None:
    divide = sys.argv.index("--")
    search = Search(sys.argv[1:divide])
    for path in map(Path, sys.argv[divide + 1 :]):
        (search.folder if path.is_dir() else search.file)(path)
    print(json.dumps(search.found))


if __name__ == "__main__":
    main()
