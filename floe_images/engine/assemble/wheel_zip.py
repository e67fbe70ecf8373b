"""A wheel as the zip archive that it is: members with every name and size checked before a byte is unpacked.

Not for any zip archive: encryption, links, devices and compression methods other than stored and deflate are refused,
since no honest wheel has them.
"""

from __future__ import annotations

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from floe_images.engine.store import disk_error
from floe_images.errors import HostileArchiveError

MAX_MEMBERS = 100_000
MAX_BYTES = 4_000_000_000
# Deflate cannot do better than 1032:1, and the files that come near it are bombs; a small one can do no harm.
MAX_RATIO = 250
_RATIO_FREE_BYTES = 8_000_000
_CHUNK = 1 << 18
_LOCAL_HEADER = 30
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]|^/|^[A-Za-z]:|(?:^|/)\.{1,2}(?:/|$)|//")


@dataclass(frozen=True, kw_only=True)
class Member:
    """One file of a wheel. ``size`` is of the content in bytes, ``executable`` whether any execute bit is set."""

    name: str
    size: int
    executable: bool
    info: zipfile.ZipInfo


class WheelZip:
    """An open wheel; ``members`` maps names to files, in the order of the archive. A context manager.

    Raises HostileArchiveError, naming wheel and path, for what no honest wheel has, and for damage.
    """

    def __init__(self, path: Path | bytes, where: str) -> None:
        self.where = where
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(path) if isinstance(path, bytes) else path)
        except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, NotImplementedError) as error:
            raise self.hostile(f"not a readable zip archive ({_reason(error)})") from None
        except OSError as error:
            raise disk_error(error, where) from error
        try:
            self.members = self._check(len(path) if isinstance(path, bytes) else path.stat().st_size)
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> WheelZip:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def read(self, name: str, *, limit: int = 64_000_000) -> bytes:
        """The whole content of a member, at most ``limit`` bytes of it; KeyError where there is none of that name."""
        member = self.members[name]
        if member.size > limit:
            raise self.hostile(f"{name} is larger than {limit} bytes")
        return b"".join(self.stream(member))

    def stream(self, member: Member) -> Iterator[bytes]:
        """Exactly ``member.size`` bytes, in pieces; the archive's own checksum is verified at the end."""
        left = member.size
        try:
            with self._zip.open(member.info) as source:
                while chunk := source.read(_CHUNK):
                    left -= len(chunk)
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
            raise self.hostile(f"{member.name} is damaged ({_reason(error)})") from None
        except OSError as error:
            raise disk_error(error, self.where) from error
        if left:
            raise self.hostile(f"{member.name} is {left} bytes shorter than the archive says")

    def hostile(self, message: str) -> HostileArchiveError:
        return HostileArchiveError(
            message, where=self.where, hint="do not use this file; ask whoever runs the mirror where it came from"
        )

    def _check(self, file_size: int) -> dict[str, Member]:
        infos = self._zip.infolist()
        if len(infos) > MAX_MEMBERS:
            raise self.hostile(f"{len(infos)} members, more than {MAX_MEMBERS}")
        if (total := sum(info.file_size for info in infos)) > MAX_BYTES:
            raise self.hostile(f"unpacks to {total} bytes, more than {MAX_BYTES}")
        members: dict[str, Member] = {}
        folders: set[str] = set()
        for info in infos:
            member = self._member(info)
            if info.is_dir():
                folders.add(info.filename.rstrip("/"))
            elif info.filename in members:
                raise self.hostile(f"{info.filename!r} occurs twice")
            else:
                members[info.filename] = member
        folders.update(parent for name in members for parent in _parents(name))
        if clash := next((name for name in members if name in folders), None):
            raise self.hostile(f"{clash!r} is a file and a folder")
        self._check_overlap(infos, file_size)
        return members

    def _member(self, info: zipfile.ZipInfo) -> Member:
        # zipfile cuts a name at its first NUL byte; what the archive really says is in orig_filename.
        name = info.orig_filename
        if name != info.filename or not name.strip("/") or len(name) > 1024 or _UNSAFE.search(name):
            raise self.hostile(f"{name!r} is not a safe path")
        mode = info.external_attr >> 16 if info.create_system == 3 else 0
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR) or (stat.S_ISDIR(mode) and not info.is_dir()):
            raise self.hostile(f"{name!r} is a link or a device")
        if info.flag_bits & 0x1:
            raise self.hostile(f"{name!r} is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self.hostile(f"{name!r} uses compression method {info.compress_type}")
        if info.file_size > _RATIO_FREE_BYTES and info.file_size > MAX_RATIO * max(info.compress_size, 1):
            raise self.hostile(f"{name!r} unpacks to {info.file_size} bytes from {info.compress_size}: a bomb")
        return Member(name=info.filename, size=info.file_size, executable=bool(mode & 0o111), info=info)

    def _check_overlap(self, infos: list[zipfile.ZipInfo], file_size: int) -> None:
        """Members that share bytes make small archives of any size (https://www.bamsoftware.com/hacks/zipbomb/)."""
        end = 0
        for info in sorted(infos, key=lambda each: each.header_offset):
            if info.header_offset < end:
                raise self.hostile(f"{info.filename!r} overlaps another member")
            end = info.header_offset + _LOCAL_HEADER + len(info.filename.encode()) + info.compress_size
        if end > file_size:
            raise self.hostile("a member reaches beyond the end of the file")


def _parents(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
