"""What an archive offers for one architecture: ``Packages`` files as an index of names, parsed where asked."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from floe_images.engine.resolve.debian_control import Alternatives, Relation, paragraphs, relations
from floe_images.engine.resolve.debian_versions import version_key
from floe_images.errors import MirrorContentError

_NAME = re.compile(rb"^Package: *([a-z0-9][a-z0-9+.\-]*)\s*$", re.MULTILINE)
_PROVIDES = re.compile(rb"^Provides:(.*(?:\n[ \t].*)*)", re.MULTILINE)
_POOL = re.compile(r"pool/(?:[A-Za-z0-9][A-Za-z0-9+.~_\-]*/)+[A-Za-z0-9][A-Za-z0-9+.~_\-]*\.deb")
_VERSION = re.compile(r"(?:[0-9]+:)?[A-Za-z0-9.+\-~]+")


@dataclass(frozen=True, kw_only=True)
class Package:
    """One binary package that an archive offers. ``archive`` is "debian" or "debian-security"; ``size`` in bytes."""

    name: str
    version: str
    architecture: str
    archive: str
    pool: str
    size: int
    sha256: str
    source: str
    depends: tuple[Alternatives, ...] = ()  # Pre-Depends, then Depends
    conflicts: tuple[Alternatives, ...] = ()  # Conflicts, then Breaks
    provides: tuple[Relation, ...] = ()


class PackagesFile:
    """One unpacked ``Packages`` file (https://wiki.debian.org/DebianRepository/Format#A.22Packages.22_Indices).

    Only the places of the names are kept beside the text: of some 63,000 packages less than a hundred are wanted.
    """

    def __init__(self, text: bytes, *, archive: str, where: str) -> None:
        self._text = text
        self._archive = archive
        self._where = where
        self._provides: list[tuple[bytes, int]] | None = None
        self._places: dict[str, list[int]] = {}
        for match in _NAME.finditer(text):
            self._places.setdefault(match[1].decode(), []).append(match.start())

    def names(self) -> list[str]:
        return list(self._places)

    def named(self, name: str) -> list[Package]:
        """Every version of ``name``. Raises MirrorContentError for a stanza that cannot be read."""
        return [self._parse(stanza) for stanza in self.stanzas(name)]

    def stanzas(self, name: str) -> list[bytes]:
        """The stanzas of ``name`` as they stand."""
        return [self._stanza(place) for place in self._places.get(name, ())]

    def providing(self, name: str) -> list[Package]:
        """Packages that have ``name`` in their Provides."""
        if self._provides is None:
            self._provides = [(match[1], match.start()) for match in _PROVIDES.finditer(self._text)]
        wanted = name.encode()
        found = [self._parse(self._stanza(place)) for line, place in self._provides if wanted in line]
        return [package for package in found if any(provided.name == name for provided in package.provides)]

    def _stanza(self, place: int) -> bytes:
        start = self._text.rfind(b"\n\n", 0, place)
        end = self._text.find(b"\n\n", place)
        return self._text[0 if start < 0 else start + 2 : None if end < 0 else end]

    def _parse(self, stanza: bytes) -> Package:
        try:
            return _package(next(paragraphs(stanza.decode())), self._archive)
        except (ValueError, KeyError, StopIteration) as error:
            name = stanza.partition(b"\n")[0].decode(errors="replace")[:80]
            raise MirrorContentError(
                f"a package of the index cannot be read ({name}): {error}", where=self._where
            ) from (error)


class Universe:
    """All that is on offer for one architecture, the newest version of a name winning; the first file wins a tie."""

    def __init__(self, files: Sequence[PackagesFile]) -> None:
        self._files = tuple(files)
        self._best: dict[str, Package | None] = {}
        self._providers: dict[str, tuple[Package, ...]] = {}

    def best(self, name: str) -> Package | None:
        """The newest package called ``name``; None where there is none."""
        if name not in self._best:
            found = [package for file in self._files for package in file.named(name)]
            self._best[name] = max(found, key=lambda package: version_key(package.version), default=None)
        return self._best[name]

    def providers(self, name: str) -> tuple[Package, ...]:
        """Packages, each in its newest version, that provide ``name``; sorted by name."""
        if name not in self._providers:
            names = sorted({package.name for file in self._files for package in file.providing(name)})
            newest = [package for other in names if (package := self.best(other)) is not None]
            self._providers[name] = tuple(p for p in newest if any(provided.name == name for provided in p.provides))
        return self._providers[name]

    def similar(self, name: str) -> list[str]:
        """Up to three names that ``name`` may be a slip of."""
        names = {other for file in self._files for other in file.names() if abs(len(other) - len(name)) <= 2}
        close = [
            other for other in names if other[0] == name[0] or other[1:] == name[1:] or sorted(other) == sorted(name)
        ]
        return difflib.get_close_matches(name, sorted(close), n=3, cutoff=0.6)


def _package(fields: dict[str, str], archive: str) -> Package:
    pool, sha256 = fields["filename"], fields["sha256"].lower()
    if not _POOL.fullmatch(pool):
        raise ValueError("its file name is not a pool path")
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ValueError("its SHA256 is not one")
    if not re.fullmatch(r"[0-9]{1,12}", fields["size"]):
        raise ValueError("its size is not one")
    if not _VERSION.fullmatch(fields["version"]):
        raise ValueError("its version is not one")
    if fields["architecture"] not in ("amd64", "arm64", "all"):
        raise ValueError(f"its architecture is {fields['architecture'][:20]!r}")
    provides = relations(fields.get("provides", ""))
    return Package(
        name=fields["package"],
        version=fields["version"],
        architecture=fields["architecture"],
        archive=archive,
        pool=pool,
        size=int(fields["size"]),
        sha256=sha256,
        source=fields.get("source", fields["package"]).partition(" ")[0],
        depends=relations(fields.get("pre-depends", "")) + relations(fields.get("depends", "")),
        conflicts=relations(fields.get("conflicts", "")) + relations(fields.get("breaks", "")),
        provides=tuple(alternatives[0] for alternatives in provides),
    )
