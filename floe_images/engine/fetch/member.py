"""One file out of an sdist, a wheel or an archive in one of them: streamed, bounded, and no setup is ever run.

``data/flights.zip!flights.csv`` is ``flights.csv`` in the archive ``data/flights.zip``. The folder that an sdist has
around everything (``name-1.0/``, https://packaging.python.org/en/latest/specifications/source-distribution-format/) may
be written or left out.
"""

from __future__ import annotations

import contextlib
import difflib
import lzma
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

from floe_images.errors import HostileArchiveError, ResolveError

MEMBER_LIMIT = 16 * 1024**3  # bytes
_ENTRY_LIMIT = 500_000
_HONEST = 64 * 1024 * 1024  # bytes; less than this is no bomb whatever its ratio
_RATIO = 300  # text compresses 5 to 50 times, a bomb a thousand times and more
_CHUNK = 1 << 20
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, KeyError)
_UNREADABLE = (*_BROKEN, RuntimeError, NotImplementedError, RecursionError)  # zipfile: encrypted, unknown method


@contextlib.contextmanager
def open_member(path: Path, member: str) -> Iterator[BinaryIO]:
    """The unpacked bytes of ``member`` in the archive file ``path``, to be read once from the start to the end.

    Raise ResolveError where there is no such member, HostileArchiveError for what is no archive, is no regular file,
    or unpacks to more than is bearable.
    """
    outer, *inner = member.split("!")
    with contextlib.ExitStack() as stack:
        stream: BinaryIO = stack.enter_context(open(path, "rb"))
        packed = path.stat().st_size
        where = path.name
        for depth, name in enumerate((outer, *inner)):
            if depth:  # archives want to seek, so one inside another is spooled
                stream = stack.enter_context(_spooled(stream))
                packed = stream.seek(0, 2)
                stream.seek(0)
            opened = stack.enter_context(_open_in(stream, name, where))
            stream = cast("BinaryIO", _Bounded(opened, packed, f"{where}!{name}" if depth else f"{where}: {name}"))
            where = f"{where}!{name}"
        yield stream


class _Bounded:
    """Reads that count: more than the bounds, or an archive that breaks, ends in HostileArchiveError."""

    def __init__(self, stream: IO[bytes], packed: int, where: str) -> None:
        self._stream = stream
        self._limit = min(MEMBER_LIMIT, max(_HONEST, packed * _RATIO))
        self._where = where
        self._read = 0

    def read(self, amount: int = -1) -> bytes:
        if amount < 0:
            return b"".join(iter(lambda: self.read(_CHUNK), b""))
        try:
            data = self._stream.read(amount)
        except _UNREADABLE as error:
            raise _broken(self._where, error) from None
        self._read += len(data)
        if self._read > self._limit:
            raise HostileArchiveError(f"unpacks to more than {self._limit} bytes", where=self._where)
        return data


@contextlib.contextmanager
def _spooled(stream: BinaryIO) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as spool:
        while chunk := stream.read(_CHUNK):
            spool.write(chunk)
        spool.seek(0)
        yield cast("BinaryIO", spool)


@contextlib.contextmanager
def _open_in(stream: BinaryIO, name: str, where: str) -> Iterator[IO[bytes]]:
    with contextlib.ExitStack() as stack:
        try:
            is_zip = zipfile.is_zipfile(stream)
            stream.seek(0)
            if is_zip:
                opened = _in_zip(stack.enter_context(zipfile.ZipFile(stream)), name, where)
            else:
                opened = _in_tar(stack.enter_context(tarfile.open(fileobj=stream, mode="r:*")), name, where)
        except _UNREADABLE as error:
            raise _broken(where, error) from None
        yield stack.enter_context(opened)


def _in_zip(archive: zipfile.ZipFile, name: str, where: str) -> IO[bytes]:
    names = [info.filename for info in archive.infolist()]
    info = archive.getinfo(_chosen(names, name, where))
    if info.is_dir() or (info.external_attr >> 28) not in (0, 0o10):  # 0o10: a regular file (S_IFREG >> 12)
        raise HostileArchiveError(f"{name} is no regular file", where=where)
    return archive.open(info)


def _in_tar(archive: tarfile.TarFile, name: str, where: str) -> IO[bytes]:
    found: dict[str, tarfile.TarInfo] = {}
    for number, info in enumerate(archive):
        if number >= _ENTRY_LIMIT:
            raise HostileArchiveError(f"more than {_ENTRY_LIMIT} entries", where=where)
        found[info.name] = info
        if info.name == name:
            break
    info = found[_chosen(list(found), name, where)]
    opened = archive.extractfile(info) if info.isreg() else None
    if opened is None:
        raise HostileArchiveError(f"{name} is no regular file", where=where)
    return opened


def _chosen(names: list[str], name: str, where: str) -> str:
    """The entry that is meant: of exactly this name, or below the one folder that is around everything."""
    if name in names:
        return name
    tops = {entry.partition("/")[0] for entry in names}
    below = f"{next(iter(tops))}/{name}" if len(tops) == 1 else ""
    if below in names:
        return below
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else "floe.yaml's data names a member that the package does not have"
    raise ResolveError(f"has no member {name}", where=where, hint=hint)


def _broken(where: str, error: BaseException) -> HostileArchiveError:
    return HostileArchiveError(f"cannot be unpacked ({type(error).__name__})", where=where)
