"""A volume's tar as it streams by: held against what an honest one has, and counted into a digest of its content."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, cast

from floe_images.engine.docker.volumes import ROOT
from floe_images.errors import HostileArchiveError, WrongHashError

_BLOCK = 1 << 18
_LONGEST = 1 << 20  # bytes of a header's extension: names have at most 4096
_EXTENSIONS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_TYPES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE)


@dataclass(frozen=True, kw_only=True)
class Content:
    """``size`` is of the tar, in bytes. ``digest`` is of names, owners, modes, times and bytes, and does not depend on
    the entries' order nor on how an engine writes headers: the sum of each entry's sha256, as 64 hex digits."""

    entries: int
    size: int
    digest: str


def read_content(chunks: Iterator[bytes], sink: Callable[[bytes], None], *, where: str) -> Content:
    """Hand ``chunks`` on to ``sink``, and say what they hold; memory stays flat.

    Raises HostileArchiveError for a path that leads out, an entry below a link, a device or an oversized header;
    WrongHashError for what is no whole tar; and what ``chunks`` and ``sink`` raise. ``where`` is named in both.
    """
    passing = _Passing(chunks, sink)
    total, entries, links = 0, 0, set[str]()
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", passing), mode="r|", bufsize=_BLOCK, tarinfo=_Entry) as archive:
            for entry in archive:
                _check(entry, links, where)
                total += _number(entry, archive.extractfile(entry) if entry.isreg() else None)
                entries += 1
                archive.members.clear()  # type: ignore[attr-defined]  # it would keep every entry
        passing.drain()
    except (tarfile.TarError, EOFError) as error:
        raise WrongHashError(f"not a whole tar: {error}", where=where, hint="take another backup") from error
    return Content(entries=entries, size=passing.size, digest=f"{total % (1 << 256):064x}")


class _Entry(tarfile.TarInfo):
    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        # It would be read into memory whole.
        if self.type in _EXTENSIONS and self.size > _LONGEST:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        return super()._proc_member(archive)  # type: ignore[misc]


def _check(entry: tarfile.TarInfo, links: set[str], where: str) -> None:
    _inside(entry.name, links, where)
    if entry.islnk():
        _inside(entry.linkname, links, where)
    if entry.issym():
        links.add(entry.name)
    if entry.type not in _TYPES:
        raise HostileArchiveError(f"{entry.name!r} is a device, or of an unknown kind", where=where)


def _inside(name: str, links: set[str], where: str) -> None:
    parts = name.split("/")
    if parts[0] != ROOT or {"", ".", ".."} & set(parts) or "\0" in name:
        raise HostileArchiveError(f"the name {name!r} leads out of the volume", where=where)
    if any("/".join(parts[:length]) in links for length in range(1, len(parts))):
        raise HostileArchiveError(f"{name!r} lies below a symbolic link", where=where)


def _number(entry: tarfile.TarInfo, content: IO[bytes] | None) -> int:
    found = hashlib.sha256()
    while content is not None and (block := content.read(_BLOCK)):
        found.update(block)
    kind = "-" if entry.isreg() else entry.type.decode("ascii")
    facts = [entry.name, kind, entry.mode, entry.uid, entry.gid, int(entry.mtime), entry.size, entry.linkname]
    text = json.dumps([*facts, found.hexdigest()], ensure_ascii=True)
    return int(hashlib.sha256(text.encode("ascii")).hexdigest(), 16)


class _Passing:
    """A file to read from that hands on what it is asked for."""

    def __init__(self, chunks: Iterator[bytes], sink: Callable[[bytes], None]) -> None:
        self._chunks, self._sink, self._left = chunks, sink, b""
        self.size = 0

    def read(self, size: int) -> bytes:
        while not self._left:
            self._left = next(self._chunks, b"")
            if not self._left:
                return b""
        part, self._left = self._left[:size], self._left[size:]
        self.size += len(part)
        self._sink(part)
        return part

    def drain(self) -> None:
        """What lies behind the end of the archive."""
        while self.read(_BLOCK):
            pass
