"""An image as it came from elsewhere: its own manifest and config, and which blobs its layers are."""

from __future__ import annotations

from dataclasses import dataclass

from floe_images.image.digest import Digest
from floe_images.image.packed import StoredBytes
from floe_images.image.platform import Platform


@dataclass(frozen=True, kw_only=True)
class CopiedLayer:
    """``size`` in bytes as stored, in whatever compression it came."""

    digest: Digest
    size: int
    rebuilt: bool


@dataclass(frozen=True, kw_only=True)
class CopiedImage(StoredBytes):
    """One platform's image. ``manifest`` and ``config`` are the bytes that its registry has."""

    platform: Platform
    media_type: str
    manifest: bytes
    config: bytes
    layers: tuple[CopiedLayer, ...]
