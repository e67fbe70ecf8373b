"""What a layout or an archive is written from: an image that was built here, or one that was copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from floe_images.image.digest import Digest
from floe_images.image.platform import Platform


class PackedLayer(Protocol):
    """A layer whose stored bytes have ``digest``; ``rebuilt`` says that they came into the cache in this run."""

    @property
    def digest(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def rebuilt(self) -> bool: ...


class PackedImage(Protocol):
    """What a layout or an archive is written from: an image that was built here, or one that was copied."""

    @property
    def platform(self) -> Platform: ...
    @property
    def media_type(self) -> str: ...
    @property
    def manifest(self) -> bytes: ...
    @property
    def config(self) -> bytes: ...
    @property
    def layers(self) -> tuple[PackedLayer, ...]: ...
    @property
    def config_digest(self) -> Digest: ...
    @property
    def manifest_digest(self) -> Digest: ...
    @property
    def packed_size(self) -> int: ...


class StoredBytes:
    """What follows from an image's stored manifest, config and layers."""

    manifest: bytes
    config: bytes
    layers: Sequence[PackedLayer]

    @property
    def config_digest(self) -> Digest:
        """The image's ID on Docker's classic store."""
        return Digest.of(self.config)

    @property
    def manifest_digest(self) -> Digest:
        """The image's ID on the containerd store."""
        return Digest.of(self.manifest)

    @property
    def packed_size(self) -> int:
        """Bytes of the stored layers."""
        return sum(layer.size for layer in self.layers)
