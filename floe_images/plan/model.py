"""A plan as values: an image is an ordered list of layers, a layer an ordered list of parts.

A part is the unit that is unpacked, compressed and cached once (one wheel, one Debian package, the project). What its
bytes depend on is all in the part, so a part can be keyed.
"""

from __future__ import annotations

from dataclasses import dataclass

from floe_images.image.platform import Platform
from floe_images.lock.model import LockedData, LockedDeb, LockedWheel


@dataclass(frozen=True, kw_only=True)
class DebPart:
    """A Debian package."""

    deb: LockedDeb
    skip_scripts: bool = False  # floe.yaml accepts that this package's maintainer scripts do not run


@dataclass(frozen=True, kw_only=True)
class WheelPart:
    """A wheel of the lock."""

    wheel: LockedWheel
    platform: Platform | None  # None: the wheel is none-any, its fragment is the same on every platform


@dataclass(frozen=True, kw_only=True)
class RuntimePart:
    """The small wheel ``floe-runtime`` that the toolkit makes from itself (errors, artifacts, runtime)."""

    version: str


@dataclass(frozen=True, kw_only=True)
class PlannedFile:
    """A file, folder or symbolic link that floe itself writes. ``path`` is canonical (``usr/…``, no leading slash)."""

    path: str
    mode: int = 0o644
    data: bytes = b""
    link: str | None = None  # a symbolic link's target
    folder: bool = False


@dataclass(frozen=True, kw_only=True)
class FilesPart:
    """Files that floe itself writes."""

    name: str
    files: tuple[PlannedFile, ...]


@dataclass(frozen=True, kw_only=True)
class TreePart:
    """A folder of the user's project as it lies there. ``source`` is relative to floe.yaml, ``place`` in the image."""

    source: str
    place: str


@dataclass(frozen=True, kw_only=True)
class DataPart:
    """A data file of the lock, at its place in the image."""

    data: LockedData
    place: str


@dataclass(frozen=True, kw_only=True)
class ManifestPart:
    """dbt's manifests, one for each of ``targets`` and ``transforms`` (paths as the artifacts have them), made by the
    image's own dbt: by the distributions ``packages`` and what they require."""

    targets: tuple[str, ...]
    transforms: tuple[str, ...]
    packages: tuple[str, ...]
    epoch: int  # seconds: the time that stands in them
    place: str


Part = DebPart | WheelPart | RuntimePart | FilesPart | TreePart | DataPart | ManifestPart


@dataclass(frozen=True, kw_only=True)
class LayerPlan:
    """One layer; ``parts`` in the order in which they are packed."""

    name: str  # system, python, wheel-pyarrow, wheels-any-2, wheels-linux-amd64-0, runtime, data, project, manifest
    platform: Platform | None  # None: the same bytes for every platform
    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True)
class ImageConfig:
    """OCI image configuration, what a container starts with (image-spec ``config.md``)."""

    user: str
    env: tuple[tuple[str, str], ...]
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    working_dir: str
    volumes: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    healthcheck: tuple[str, ...]  # Docker's extension; ("CMD", …)
    exposed_ports: tuple[str, ...] = ()
    stop_signal: str = "SIGTERM"


@dataclass(frozen=True, kw_only=True)
class ImagePlan:
    """One platform's image; ``layers`` lowest first."""

    platform: Platform
    layers: tuple[LayerPlan, ...]
    config: ImageConfig


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that a build makes."""

    reference: str  # repository:tag
    epoch: int  # seconds: `created` of configs and annotations; never a file's time
    max_size: int  # bytes, the sum of the uncompressed layers of one platform
    bytecode: bool  # False: nothing of the image is run to make it, and it has no manifests of dbt's either
    annotations: tuple[tuple[str, str], ...]
    images: tuple[ImagePlan, ...]
    workshops: tuple[ImagePlan, ...] = ()  # where manifests are made: one for each platform of the lock, built or not

    def workshop(self, machine: Platform | None) -> ImagePlan | None:
        """The image whose programs run on ``machine``; None where the lock has none."""
        return next((image for image in self.workshops if image.platform == machine), None)
