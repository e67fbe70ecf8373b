"""What a registry answers, as values: an index over platforms, one platform's manifest, its config. Pure.

Sources: https://github.com/opencontainers/image-spec (image-index.md, manifest.md, config.md), version 1.1; Docker's
"Image Manifest V 2, Schema 2" (https://distribution.github.io/distribution/spec/manifest-v2-2/). The bytes may be
anybody's: whatever is not exactly what the specifications allow raises MirrorContentError.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from floe_images.errors import MirrorContentError, ResolveError
from floe_images.image.digest import Digest
from floe_images.image.platform import Platform
from floe_images.image.words import DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST, Descriptor

ACCEPT = ", ".join((INDEX, MANIFEST, DOCKER_LIST, DOCKER_MANIFEST))
MANIFEST_LIMIT = 4 << 20  # bytes; what registries have to take, distribution-spec, *Pushing Manifests*
CONFIG_LIMIT = 8 << 20
_LAYER_LIMIT = 8 << 30  # a tar that `docker load` reads names no larger member
_LAYERS = 500  # engines stop at 127
_ENTRIES = 1000
# The processor's variant that an image without one is for.
_PLAIN_VARIANTS = {"amd64": ("", "v1"), "arm64": ("", "v8")}
_LAYER_TYPES = ("application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs.")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One platform's image, lowest layer first. ``media_type`` is the manifest's own."""

    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]


@dataclass(frozen=True, kw_only=True)
class Index:
    """``entries`` are the manifests that are for a platform that floe makes images for, in the registry's order;
    ``others`` says what else there is (``linux/s390x``), for messages."""

    entries: tuple[Descriptor, ...]
    others: tuple[str, ...]


def read_answer(data: bytes, content_type: str, where: str) -> Index | Manifest:
    """The bytes of a manifest or an index. ``content_type`` is the HTTP header's, for those that do not say it."""
    document = _object(data, where)
    kind = document.get("mediaType") or content_type.partition(";")[0].strip()
    if document.get("schemaVersion") == 1:
        raise MirrorContentError(
            "it has this image in Docker's schema 1 only", where=where, hint="push it again with a tool of this decade"
        )
    if kind in (INDEX, DOCKER_LIST):
        if "layers" in document:
            raise MirrorContentError("an index that has layers, too", where=where)
        return _index(document, where)
    if kind in (MANIFEST, DOCKER_MANIFEST):
        if "manifests" in document:
            raise MirrorContentError("a manifest that has manifests, too", where=where)
        return _manifest(document, str(kind), where)
    raise MirrorContentError("answered with something that is no image manifest", where=where)


def pick(index: Index, platform: Platform, where: str) -> Descriptor:
    """The manifest for ``platform``. Raise ResolveError where there is none."""
    for entry in index.entries:
        if entry.platform == platform:
            return entry
    has = sorted({str(entry.platform) for entry in index.entries} | set(index.others))
    raise ResolveError(
        f"there is no image for {platform}" + (f", only for {', '.join(has[:8])}" if has else ""),
        where=where,
        hint="take a reference that has every platform of image.platforms",
    )


def config_platform(data: bytes, where: str) -> str:
    """``linux/amd64``, as the config says it. Raise MirrorContentError for what is no config."""
    document = _object(data, where)
    os, architecture = document.get("os"), document.get("architecture")
    if not isinstance(os, str) or not isinstance(architecture, str):
        raise MirrorContentError("the image's config names no platform", where=where)
    return f"{os}/{architecture}"[:60]


def _index(document: dict[str, Any], where: str) -> Index:
    rows = document.get("manifests")
    if not isinstance(rows, list) or len(rows) > _ENTRIES:
        raise MirrorContentError("an index without a list of manifests", where=where)
    found: dict[Platform, tuple[int, Descriptor]] = {}
    others: list[str] = []
    for row in rows:
        told = row.get("platform") if isinstance(row, dict) else None
        if not isinstance(told, dict) or row.get("mediaType") not in (MANIFEST, DOCKER_MANIFEST):
            continue  # an attestation, a signature, an index in the index
        os, architecture, variant = (str(told.get(key) or "") for key in ("os", "architecture", "variant"))
        plain = _PLAIN_VARIANTS.get(architecture, ())
        if os != "linux" or variant not in plain:
            if (os, architecture) != ("unknown", "unknown"):
                others.append("/".join(filter(None, (os, architecture, variant)))[:40])
            continue
        platform = Platform(os, architecture)
        descriptor = _descriptor(row, where, MANIFEST_LIMIT, platform)
        rank = plain.index(variant)
        if platform not in found or rank < found[platform][0]:
            found[platform] = (rank, descriptor)
    return Index(entries=tuple(found[platform][1] for platform in sorted(found)), others=tuple(others))


def _manifest(document: dict[str, Any], kind: str, where: str) -> Manifest:
    layers = document.get("layers")
    if not isinstance(layers, list) or len(layers) > _LAYERS:
        raise MirrorContentError("a manifest without a list of layers", where=where)
    config = _descriptor(document.get("config"), where, CONFIG_LIMIT)
    if not config.media_type.endswith("+json"):
        raise MirrorContentError("this is no container image but another artifact", where=where)
    found = tuple(_descriptor(layer, where, _LAYER_LIMIT - 1) for layer in layers)
    for layer in found:
        if not layer.media_type.startswith(_LAYER_TYPES):
            raise MirrorContentError("a layer of a type that no image has", where=where)
    return Manifest(media_type=kind, config=config, layers=found)


def _descriptor(row: object, where: str, limit: int, platform: Platform | None = None) -> Descriptor:
    if isinstance(row, dict):
        kind, size = row.get("mediaType"), row.get("size")
        if isinstance(kind, str) and isinstance(size, int) and not isinstance(size, bool) and 0 <= size <= limit:
            try:
                digest = Digest.parse(row.get("digest"))
            except ValueError:
                raise MirrorContentError("a digest that is no sha256", where=where) from None
            return Descriptor(media_type=kind[:200], digest=digest, size=size, platform=platform)
    raise MirrorContentError("a descriptor that is not whole, or of a size that no image has", where=where)


def _object(data: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise MirrorContentError("answered with something that is no JSON object", where=where)
    return value
