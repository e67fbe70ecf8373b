"""Checking a layout or an archive against its own words: sizes, digests, diffIDs, platforms, and paths in layers."""

from __future__ import annotations

import hashlib
import json
import posixpath
import tarfile
from collections.abc import Iterator
from typing import IO, Any

from floe_images.errors import UsageError
from floe_images.image import place
from floe_images.image.contents import open_layer
from floe_images.image.digest import Digest
from floe_images.image.read import MAX_JSON, ImageSource, StoredImage, read_index

_CHUNK = 1 << 20


def verify_image(source: ImageSource) -> tuple[str, ...]:
    """Everything that is wrong, one line each; empty where all holds. Reads every blob once, and each layer again."""
    try:
        index = read_index(source)
    except UsageError as error:
        return (str(error),)
    seen: set[Digest] = set()
    problems: list[str] = []
    try:
        with source.open(place.INDEX_JSON) as stream:
            problems += _descriptors(source, json.loads(stream.read(MAX_JSON)), seen)
        for image in index.images:
            problems += _layers(source, image, seen)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        problems.append(f"{source.where}: not an OCI image layout")
    return tuple(problems)


def _descriptors(source: ImageSource, value: Any, seen: set[Digest]) -> Iterator[str]:
    """Check every blob that an index, a manifest or what they name describes."""
    entries = [*value.get("manifests", ()), *value.get("layers", ())]
    entries += [value["config"]] if "digest" in (value.get("config") or {}) else []
    for entry in entries:
        digest = Digest.parse(entry["digest"])
        try:
            with source.open(place.blob(digest)) as stream:
                found, size = _hash(stream)
        except UsageError:
            yield f"{digest}: absent"
            continue
        if size != entry["size"]:
            yield f"{digest}: {size} bytes, its descriptor says {entry['size']}"
        if found != digest:
            yield f"{digest}: the bytes are {found}"
        elif digest not in seen and entry["mediaType"].endswith("+json"):
            seen.add(digest)
            with source.open(place.blob(digest)) as stream:
                data = json.loads(stream.read(MAX_JSON))
            if "manifests" in data or "layers" in data:
                yield from _descriptors(source, data, seen)
            if "platform" in entry and "layers" in data:
                yield from _platform(source, entry["platform"], Digest.parse(data["config"]["digest"]))


def _platform(source: ImageSource, told: dict[str, str], config: Digest) -> Iterator[str]:
    with source.open(place.blob(config)) as stream:
        value = json.loads(stream.read(MAX_JSON))
    for key in ("os", "architecture"):
        if value.get(key) != told.get(key):
            yield f"{config}: {key} is {value.get(key)}, its descriptor says {told.get(key)}"


def _layers(source: ImageSource, image: StoredImage, seen: set[Digest]) -> Iterator[str]:
    for layer in image.layers:
        if layer.diff_id in seen:
            continue
        seen.add(layer.diff_id)
        try:
            with open_layer(source, layer) as tar:
                diff_id, _ = _hash(tar)
            if diff_id != layer.diff_id:
                yield f"{layer.digest}: the diffID is {diff_id}, the config says {layer.diff_id}"
            with open_layer(source, layer) as tar:
                yield from (f"{layer.digest}: {problem}" for problem in _paths(tar))
        except UsageError as error:
            yield str(error)


def _paths(tar: IO[bytes]) -> Iterator[str]:
    paths: set[str] = set()
    with tarfile.open(fileobj=tar, mode="r|") as archive:
        for entry in archive:
            archive.members = []  # type: ignore[attr-defined]
            path = posixpath.normpath(entry.name)
            if path.startswith(("/", "../")) or path == "..":
                yield f"{entry.name}: leads out of the image"
            if path in paths:
                yield f"{path}: occurs twice"
            paths.add(path)


def _hash(stream: IO[bytes]) -> tuple[Digest, int]:
    sha256, size = hashlib.sha256(), 0
    while chunk := stream.read(_CHUNK):
        sha256.update(chunk)
        size += len(chunk)
    return Digest("sha256:" + sha256.hexdigest()), size
