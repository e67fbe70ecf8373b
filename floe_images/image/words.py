"""OCI's words as values and their canonical JSON: descriptor, image manifest, image index.

Source: https://github.com/opencontainers/image-spec (descriptor.md, manifest.md, image-index.md), version 1.1.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from floe_images.image.digest import Digest
from floe_images.image.platform import Platform

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
# Docker's own, from before OCI; registries are full of them (https://distribution.github.io/distribution/spec/).
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"
# Layers that a registry need not have (image-spec layer.md, *Non-Distributable Layers*).
FOREIGN_LAYERS = (
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
)

REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"

Annotations = tuple[tuple[str, str], ...]


def canonical_json(value: Any) -> bytes:
    """Sorted keys, no white space, UTF-8: equal values are equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """What a blob is, its name and its length in bytes."""

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    annotations: Annotations = ()

    @classmethod
    def of(
        cls, media_type: str, data: bytes, *, platform: Platform | None = None, annotations: Annotations = ()
    ) -> Descriptor:
        return cls(
            media_type=media_type,
            digest=Digest.of(data),
            size=len(data),
            platform=platform,
            annotations=annotations,
        )

    def as_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.platform:
            value["platform"] = {"architecture": self.platform.architecture, "os": self.platform.os}
        if self.annotations:
            value["annotations"] = dict(self.annotations)
        return value


@dataclass(frozen=True, kw_only=True)
class ImageManifest:
    """One platform's image: its config and its layers, lowest first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Annotations = ()

    def json_bytes(self) -> bytes:
        value: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.config.as_json(),
            "layers": [layer.as_json() for layer in self.layers],
        }
        if self.annotations:
            value["annotations"] = dict(self.annotations)
        return canonical_json(value)


@dataclass(frozen=True, kw_only=True)
class ImageIndex:
    """Several manifests (or indexes) under one digest."""

    manifests: tuple[Descriptor, ...]
    annotations: Annotations = ()

    def json_bytes(self) -> bytes:
        value: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [manifest.as_json() for manifest in self.manifests],
        }
        if self.annotations:
            value["annotations"] = dict(self.annotations)
        return canonical_json(value)
