"""A Debian package as entries: unpacked for the image without dpkg, and without running anything of it.

Paths are made canonical for a merged /usr, set-id bits are dropped, what ``data/prune.toml`` leaves out stays out, and
the package's metadata lands in ``var/lib/dpkg/status.d`` in the layout of distroless images, where scanners look.
"""

from __future__ import annotations

import hashlib
import posixpath
from dataclasses import dataclass
from pathlib import Path

from floe_images.engine.assemble import deb_archive, untar
from floe_images.engine.assemble.entry import Content, Entries, Entry, no_content
from floe_images.engine.assemble.fragment import USR_LINKS
from floe_images.engine.assemble.maintainer import COUNTING, check_scripts
from floe_images.engine.assemble.packer import DEFAULT_FOLDER_MODE
from floe_images.engine.assemble.prune import Pruner, PruneRules, prune_rules
from floe_images.errors import HostileArchiveError
from floe_images.lock.model import LockedDeb
from floe_images.plan.model import DebPart

STATUS = "var/lib/dpkg/status.d"
CA_BUNDLE = "etc/ssl/certs/ca-certificates.crt"
_CERTIFICATES = "usr/share/ca-certificates/"
# Folders in the package that its postinst turns into links, which plan/base_files.py makes.
_MIGRATED = {"base-files": ("var/lock", "var/run")}
_LARGEST_CONTROL = 8 << 20
_RULES = 1  # changes with what this module makes of a package


@dataclass(frozen=True, kw_only=True)
class DebControl:
    """``control`` and ``md5sums`` as they lie in the package; ``scripts`` by name, the counting ones only."""

    control: bytes
    md5sums: bytes
    scripts: dict[str, bytes]

    def field(self, name: str) -> str:
        """A one-line field of the control stanza (deb-control(5)), "" where it is absent."""
        for line in self.control.decode("utf-8", "replace").splitlines():
            key, mark, value = line.partition(":")
            if mark and key.lower() == name.lower():
                return value.strip()
        return ""


def deb_key(part: DebPart) -> str:
    """64 hex digits over all that ``deb_entries`` depends on."""
    text = f"deb {_RULES} {part.deb.file.sha256} {prune_rules().digest}"
    return hashlib.sha256(text.encode()).hexdigest()


def deb_entries(path: Path, part: DebPart, *, rules: PruneRules | None = None) -> Entries:
    """The files and links of the package, then the folders that only exist by themselves, then its metadata.

    Raises HostileArchiveError, MaintainerScriptError, DiskError; each names the package.
    """
    deb = part.deb
    where = f"{deb.name} {deb.version}"
    pruner = (rules or prune_rules()).pruner("deb", deb.name)
    with deb_archive.opened(path, where) as (control_stream, data_stream):
        control = _control(control_stream, where)
        _check_identity(control, deb, where)
        if not part.skip_scripts:
            check_scripts(deb.name, deb.version, control.scripts)
        unpacked = _Data(pruner, _MIGRATED.get(deb.name, ()), where)
        yield from unpacked.entries(data_stream)
    yield from unpacked.folders()
    if deb.name == "ca-certificates":
        yield _generated(CA_BUNDLE, unpacked.ca_bundle())
    yield _generated(f"{STATUS}/{deb.name}", control.control.rstrip(b"\n") + b"\n")
    yield _generated(f"{STATUS}/{deb.name}.md5sums", _kept_md5sums(control.md5sums, unpacked.kept))


class _Data:
    """Walks the data tar and remembers what the steps after it need."""

    def __init__(self, pruner: Pruner, migrated: tuple[str, ...], where: str) -> None:
        self._pruner, self._migrated, self._where = pruner, migrated, where
        self._modes: dict[str, int] = {}
        self._parents: set[str] = set()
        self._links: set[str] = set()
        self._seen: set[str] = set()
        self._certificates: dict[str, bytes] = {}
        self.kept: set[str] = set()

    def entries(self, stream: untar.Reader) -> Entries:
        for member, content in untar.members(stream, self._where):
            path = canonical(member.name, self._where)
            if not path or path in self._migrated:
                continue
            self._note_parents(path)
            if member.kind == "dir":
                self._modes[path] = member.mode & 0o1777
                continue
            if path in self._seen:
                raise HostileArchiveError(f"the path {path} occurs twice", where=self._where)
            self._seen.add(path)
            if self._pruner.rule_for(path) is not None:
                continue
            self.kept.add(path)
            if member.kind == "symlink":
                self._links.add(path)
                yield (
                    Entry(path=path, kind="symlink", mode=0o777, link=_target(path, member.link, self._where)),
                    no_content,
                )
            elif member.kind == "hardlink":
                target = canonical(member.link, self._where)
                if target not in self.kept:
                    raise HostileArchiveError(
                        f"{path} is a hard link to {target}, which is not there", where=self._where
                    )
                yield Entry(path=path, kind="hardlink", mode=member.mode & 0o777, link=target), no_content
            else:
                entry = Entry(path=path, kind="file", mode=member.mode & 0o777, size=member.size)
                if path.startswith(_CERTIFICATES) and path.endswith(".crt"):
                    data = self._certificates[path] = b"".join(content())
                    yield entry, _constant(data)
                else:
                    yield entry, content

    def folders(self) -> Entries:
        """Those that no file implies: with a mode of their own, or empty in the package."""
        for path, mode in sorted(self._modes.items()):
            if self._pruner.rule_for(path) is None and (mode != DEFAULT_FOLDER_MODE or path not in self._parents):
                yield Entry(path=path, kind="dir", mode=mode), no_content

    def ca_bundle(self) -> bytes:
        """What update-ca-certificates(8) makes where every certificate is enabled: all of them, sorted by file name."""
        return b"".join(data.rstrip(b"\n") + b"\n" for _, data in sorted(self._certificates.items()))

    def _note_parents(self, path: str) -> None:
        while path := path.rpartition("/")[0]:
            if path in self._links:
                raise HostileArchiveError(f"a path below the link {path}", where=self._where)
            self._parents.add(path)


def canonical(name: str, where: str) -> str:
    """A member's name as the image's path, merged-/usr; "" for the root. Raises HostileArchiveError."""
    if name.startswith("/") or "\\" in name or any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        raise HostileArchiveError(f"the path {name!r} is not relative and plain", where=where)
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise HostileArchiveError(f"the path {name!r} leads out", where=where)
    if parts and parts[0] in USR_LINKS:
        parts.insert(0, "usr")
    return "/".join(parts)


def _target(path: str, link: str, where: str) -> str:
    """A symbolic link's target as written; absolute ones are the image's own root. Raises HostileArchiveError."""
    if not link or any(ord(letter) < 32 or ord(letter) == 127 for letter in link):
        raise HostileArchiveError(f"{path} is a link to {link!r}", where=where)
    if not link.startswith("/") and posixpath.normpath(posixpath.join(posixpath.dirname(path), link)).startswith(".."):
        raise HostileArchiveError(f"{path} is a link to {link!r}, which leads out", where=where)
    return link


def _control(stream: untar.Reader, where: str) -> DebControl:
    found: dict[str, bytes] = {}
    for member, content in untar.members(stream, where):
        name = member.name.removeprefix("./").strip("/")
        if member.kind != "file" or name not in ("control", "md5sums", *COUNTING):
            continue
        if member.size > _LARGEST_CONTROL:
            raise HostileArchiveError(f"its {name} has {member.size} bytes", where=where)
        found[name] = b"".join(content())
    if "control" not in found:
        raise HostileArchiveError("it has no control file", where=where)
    return DebControl(
        control=found["control"],
        md5sums=found.get("md5sums", b""),
        scripts={name: found[name] for name in COUNTING if name in found},
    )


def _check_identity(control: DebControl, deb: LockedDeb, where: str) -> None:
    for name, locked in (("Package", deb.name), ("Version", deb.version), ("Architecture", deb.architecture)):
        if control.field(name) != locked:
            raise HostileArchiveError(f"its {name} is {control.field(name)!r}, the lock says {locked!r}", where=where)


def _kept_md5sums(md5sums: bytes, kept: set[str]) -> bytes:
    lines = []
    for line in md5sums.decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        parts = name.split("/")
        if "/".join(["usr", *parts] if parts[0] in USR_LINKS else parts) in kept:
            lines.append(f"{digest}  {name}\n")
    return "".join(lines).encode()


def _generated(path: str, data: bytes) -> tuple[Entry, Content]:
    return Entry(path=path, kind="file", mode=0o644, size=len(data)), _constant(data)


def _constant(data: bytes) -> Content:
    return lambda: (data,)
