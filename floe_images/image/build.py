"""Layers and settings become an image: config, manifest, and one index over the platforms. Pure values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from floe_images.image.config import RunSettings, config_bytes
from floe_images.image.digest import Digest
from floe_images.image.layer import LayerBlob
from floe_images.image.packed import PackedImage, StoredBytes
from floe_images.image.platform import Platform
from floe_images.image.words import (
    CONFIG,
    INDEX,
    LAYER_GZIP,
    MANIFEST,
    Annotations,
    Descriptor,
    ImageIndex,
    ImageManifest,
)


@dataclass(frozen=True, kw_only=True)
class BuiltImage(StoredBytes):
    """One platform's image. ``config`` and ``manifest`` are the stored bytes; the layers' bytes lie in the cache."""

    platform: Platform
    layers: tuple[LayerBlob, ...]
    config: bytes
    manifest: bytes

    @property
    def media_type(self) -> str:
        """Of the manifest."""
        return MANIFEST

    @property
    def unpacked_size(self) -> int:
        """Bytes of the uncompressed layers."""
        return sum(layer.tar_size for layer in self.layers)


def build_image(
    platform: Platform,
    layers: Sequence[LayerBlob],
    settings: RunSettings,
    *,
    epoch: int,
    annotations: Annotations = (),
) -> BuiltImage:
    """``layers`` lowest first; ``epoch`` in seconds is the config's and history's ``created``."""
    config = config_bytes(platform, layers, settings, epoch=epoch)
    manifest = ImageManifest(
        config=Descriptor.of(CONFIG, config),
        layers=tuple(
            Descriptor(media_type=LAYER_GZIP, digest=Digest.parse(layer.digest), size=layer.size) for layer in layers
        ),
        annotations=annotations,
    )
    return BuiltImage(platform=platform, layers=tuple(layers), config=config, manifest=manifest.json_bytes())


def build_index(images: Sequence[PackedImage], *, annotations: Annotations = ()) -> bytes:
    """The stored bytes of the index over ``images``, in the order of their platforms. Its digest is the build's."""
    manifests = (
        Descriptor.of(image.media_type, image.manifest, platform=image.platform)
        for image in sorted(images, key=lambda image: image.platform)
    )
    return ImageIndex(manifests=tuple(manifests), annotations=annotations).json_bytes()


def index_descriptor(index: bytes, *, annotations: Annotations = ()) -> Descriptor:
    return Descriptor.of(INDEX, index, annotations=annotations)
