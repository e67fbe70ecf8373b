"""The file of ``floe backup``: an ordinary tar of one gzipped tar a volume, a manifest and checksums.

::

    volumes/NAME.tar.gz   a volume's content, every path below ``volume/``
    backup.json           what is in here, and what it was made with
    SHA256SUMS            of all of the above; ``sha256sum --check`` takes it. Last, so that a file cut short lacks it
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from floe_images.engine.processes import alive
from floe_images.errors import DiskError, UsageError, WrongHashError, disk_error
from floe_images.site.volume_tar import Content, read_content

FORMAT, VERSION = "floe-backup", 1
MANIFEST, SUMS = "backup.json", "SHA256SUMS"
_MEMBER = re.compile(r"volumes/[a-zA-Z0-9][a-zA-Z0-9_.-]*\.tar\.gz")
_BLOCK = 1 << 18
_SMALL = 1 << 20  # bytes of the manifest and of the checksums
_LEVEL = 1  # most bytes are Parquet, which is compressed
_TRY_ANOTHER = "the file is damaged: take another backup"


@dataclass(frozen=True, kw_only=True)
class KeptImage:
    """``id`` is the engine's name of the image's bytes; None where it was not in the engine any more."""

    service: str
    reference: str
    id: str | None


@dataclass(frozen=True, kw_only=True)
class KeptVolume:
    """``name`` as compose files have it; ``sha256`` and ``packed`` (bytes) are of ``member``; ``content`` is in it."""

    name: str
    member: str
    sha256: str
    packed: int
    content: Content


@dataclass(frozen=True, kw_only=True)
class Backup:
    """The manifest. ``lock`` is floe.lock's sha256, ``secrets`` the names of those that are not in here."""

    project: str
    made: str
    floe: str
    lock: str
    images: tuple[KeptImage, ...]
    secrets: tuple[str, ...]
    volumes: tuple[KeptVolume, ...]


class BackupWriter:
    """Writes ``path`` under a temporary name; `finish` reads that and renames it. Raises DiskError, DiskFullError."""

    def __init__(self, path: Path) -> None:
        if not path.name:
            raise UsageError("a backup is a file", hint="for example: floe backup monday.floe")
        self._path = path
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self._sums: list[tuple[str, str]] = []

    def __enter__(self) -> BackupWriter:
        try:
            _refuse_to_replace(self._path)
            ours = re.compile(rf"\.{re.escape(self._path.name)}\.(\d+)\.tmp")
            for left in self._path.parent.iterdir():
                if (writer := ours.fullmatch(left.name)) and not alive(int(writer[1])):
                    left.unlink()
            # What tables hold is nobody's but the owner's.
            number = os.open(self._temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            self._stream = os.fdopen(number, "w+b")
        except OSError as error:
            raise disk_error(error, str(self._path)) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # a full disk has been told of
            self._stream.close()
        self._temporary.unlink(missing_ok=True)

    def volume(self, name: str, chunks: Iterator[bytes]) -> KeptVolume:
        """One volume's content; raises what ``chunks`` does, HostileArchiveError for what no volume of floe's has."""
        from zlib_ng import zlib_ng

        member = f"volumes/{name}.tar.gz"
        packer = zlib_ng.compressobj(_LEVEL, zlib_ng.DEFLATED, 31)
        found, start = hashlib.sha256(), self._begin()

        def put(data: bytes) -> None:
            found.update(data)
            self._write(data)

        content = read_content(chunks, lambda data: put(packer.compress(data)), where=name)
        put(packer.flush())
        packed = self._end(member, start)
        self._sums.append((found.hexdigest(), member))
        return KeptVolume(name=name, member=member, sha256=found.hexdigest(), packed=packed, content=content)

    def finish(self, backup: Backup) -> int:
        """The size in bytes of the file, which then is whole, read back and at its place."""
        self._small(MANIFEST, json.dumps({"format": FORMAT, "version": VERSION, **asdict(backup)}, indent=1).encode())
        self._small(SUMS, "".join(f"{digest}  {member}\n" for digest, member in self._sums).encode())
        self._write(bytes(2 * tarfile.BLOCKSIZE))
        try:
            self._stream.flush()
            os.fsync(self._stream.fileno())
            if read_backup(self._temporary, named=self._path) != backup:
                raise DiskError("what was written is not what can be read", where=str(self._path))
            os.replace(self._temporary, self._path)
            return self._path.stat().st_size
        except OSError as error:
            raise disk_error(error, str(self._path)) from error

    def _small(self, name: str, data: bytes) -> None:
        start = self._begin()
        self._write(data)
        self._end(name, start)
        self._sums.append((hashlib.sha256(data).hexdigest(), name))

    def _begin(self) -> int:
        self._write(bytes(tarfile.BLOCKSIZE))
        return self._stream.tell()

    def _end(self, name: str, start: int) -> int:
        """Fill in the header of the member that begins at ``start``; its size."""
        size = self._stream.tell() - start
        self._write(bytes(-size % tarfile.BLOCKSIZE))
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, 0o600
        self._stream.seek(start - tarfile.BLOCKSIZE)
        self._write(entry.tobuf(tarfile.GNU_FORMAT))
        self._stream.seek(0, os.SEEK_END)
        return size

    def _write(self, data: bytes) -> None:
        try:
            self._stream.write(data)
        except OSError as error:
            raise disk_error(error, str(self._path)) from error


def _refuse_to_replace(path: Path) -> None:
    """Only a backup is replaced by one. Raises UsageError, OSError."""
    if not os.path.lexists(path):
        return
    if not stat.S_ISREG(path.lstat().st_mode):
        raise UsageError("something else than a file lies there", where=str(path))
    with open(path, "rb") as stream:
        try:
            ours = _MEMBER.fullmatch(tarfile.TarInfo.frombuf(stream.read(tarfile.BLOCKSIZE), "ascii", "strict").name)
        except (tarfile.TarError, UnicodeDecodeError):
            ours = None
    if not ours:
        raise UsageError(
            "a file that is no backup of floe's lies there", where=str(path), hint="choose another name, or remove it"
        )


def read_backup(path: Path, *, named: Path | None = None) -> Backup:
    """The manifest of a file of which every member has its checksum. ``named`` is what a person is told.

    Raises UsageError for what is no backup or of a later version, WrongHashError for a damaged one, DiskError.
    """
    where = str(named or path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UsageError("not a backup of floe's: it is no file", where=where)
        with open(path, "rb") as stream:
            places = dict(_places(stream, where))
            if MANIFEST not in places or SUMS not in places:
                raise WrongHashError("it has no checksums at its end", where=where, hint=_TRY_ANOTHER)
            sums = _sums(_small(stream, places[SUMS], where), where)
            if sums.keys() != places.keys() - {SUMS}:
                raise WrongHashError("its checksums are not of what is in it", where=where, hint=_TRY_ANOTHER)
            for member, digest in sums.items():
                found = hashlib.sha256()
                for block in _blocks(stream, places[member], where):
                    found.update(block)
                if found.hexdigest() != digest:
                    raise WrongHashError(f"{member} has another checksum", where=where, hint=_TRY_ANOTHER)
            backup = _decode(_small(stream, places[MANIFEST], where), where)
    except OSError as error:
        raise disk_error(error, where) from error
    for volume in backup.volumes:
        if sums.get(volume.member) != volume.sha256 or volume.member != f"volumes/{volume.name}.tar.gz":
            raise WrongHashError(f"its manifest does not fit {volume.member}", where=where, hint=_TRY_ANOTHER)
    if len(backup.volumes) != len(places) - 2:
        raise WrongHashError("its manifest does not name what is in it", where=where, hint=_TRY_ANOTHER)
    return backup


def unpacked(path: Path, volume: KeptVolume) -> Iterator[bytes]:
    """The tar of one volume. Raises WrongHashError where it is not what the manifest says, DiskError."""
    from zlib_ng import zlib_ng

    inflate, size, found = zlib_ng.decompressobj(31), 0, hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            places = dict(_places(stream, str(path)))
            for block in _blocks(stream, places.get(volume.member, (0, 0)), str(path)):
                found.update(block)
                plain = inflate.decompress(block)
                size += len(plain)
                if size > volume.content.size:
                    break
                yield plain
    except zlib_ng.error as error:  # type: ignore[misc]
        raise WrongHashError(f"{volume.member} cannot be unpacked", where=str(path), hint=_TRY_ANOTHER) from error
    except OSError as error:
        raise disk_error(error, str(path)) from error
    if not inflate.eof or size != volume.content.size or found.hexdigest() != volume.sha256:
        raise WrongHashError(f"{volume.member} is not what the manifest says", where=str(path), hint=_TRY_ANOTHER)


def verify_content(path: Path, volume: KeptVolume, sink: Callable[[bytes], None] = lambda _: None) -> None:
    """Raises WrongHashError, HostileArchiveError for what an honest backup does not have; DiskError."""
    where = f"{path}: {volume.member}"
    if read_content(unpacked(path, volume), sink, where=where) != volume.content:
        raise WrongHashError("it is not what the manifest says", where=where, hint=_TRY_ANOTHER)


def _places(stream: IO[bytes], where: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """(name, (start, size)) of each member. Only what `BackupWriter` writes is taken."""
    end, seen = os.fstat(stream.fileno()).st_size, set[str]()
    start = stream.seek(0)
    while (block := stream.read(tarfile.BLOCKSIZE)) != bytes(tarfile.BLOCKSIZE):
        try:
            entry = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        except (tarfile.TarError, UnicodeDecodeError) as error:
            if not seen:
                raise UsageError("not a backup of floe's", where=where) from error
            raise WrongHashError("it ends early, or is damaged", where=where, hint=_TRY_ANOTHER) from error
        start += tarfile.BLOCKSIZE
        known = entry.name in (MANIFEST, SUMS) or _MEMBER.fullmatch(entry.name)
        if not known or entry.name in seen or entry.type != tarfile.REGTYPE:
            raise UsageError(f"not a backup of floe's: it has the member {entry.name!r}", where=where)
        seen.add(entry.name)
        if not 0 <= entry.size <= end - start:
            raise WrongHashError("it ends early", where=where, hint=_TRY_ANOTHER)
        yield entry.name, (start, entry.size)
        start = stream.seek(start + entry.size + -entry.size % tarfile.BLOCKSIZE)


def _blocks(stream: IO[bytes], place: tuple[int, int], where: str) -> Iterator[bytes]:
    start, left = place
    stream.seek(start)
    while left:
        block = stream.read(min(left, _BLOCK))
        if not block:
            raise WrongHashError("it ends early", where=where, hint=_TRY_ANOTHER)
        left -= len(block)
        yield block


def _small(stream: IO[bytes], place: tuple[int, int], where: str) -> bytes:
    if place[1] > _SMALL:
        raise WrongHashError("its manifest is larger than any", where=where, hint=_TRY_ANOTHER)
    return b"".join(_blocks(stream, place, where))


def _sums(data: bytes, where: str) -> dict[str, str]:
    found = re.findall(r"^([0-9a-f]{64})  (\S+)$", data.decode("ascii", "replace"), re.MULTILINE)
    if not found:
        raise WrongHashError("its checksums cannot be read", where=where, hint=_TRY_ANOTHER)
    return {name: digest for digest, name in found}


def _decode(data: bytes, where: str) -> Backup:
    try:
        found = json.loads(data)
        if found.pop("format") != FORMAT:
            raise ValueError("format")
        version = found.pop("version")
        if version != VERSION:
            raise UsageError(
                f"a backup of version {version!r}, and this floe reads version {VERSION}",
                where=where,
                hint="a floe of the version that made it reads it: backup.json names it",
            )
        return Backup(
            **{
                **_texts(found, "project", "made", "floe", "lock"),
                "images": tuple(KeptImage(**each) for each in found.pop("images")),
                "secrets": tuple(map(str, found.pop("secrets"))),
                "volumes": tuple(
                    KeptVolume(**{**each, "content": Content(**each["content"])}) for each in found.pop("volumes")
                ),
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError("not a backup of floe's: its manifest cannot be read", where=where) from error


def _texts(found: dict[str, Any], *names: str) -> dict[str, Any]:
    values = {name: found.pop(name) for name in names}
    if not all(isinstance(value, str) for value in values.values()):
        raise ValueError(names)
    return values
