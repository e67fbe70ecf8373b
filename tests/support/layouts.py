"""Layouts and archives of `built`'s images: written, read, verified, damaged."""

from __future__ import annotations

from pathlib import Path

from floe_images.image.build import BuiltImage
from floe_images.image.digest import Digest
from floe_images.image.layout import write_layout
from floe_images.image.read import StoredIndex, open_source, read_index
from floe_images.image.reference import Reference
from floe_images.image.verify import verify_image
from tests.support.built import Blobs

REFERENCE = Reference.parse("registry.example.internal/data/flights:0.1.0")


def write(folder: Path, blobs: Blobs, *images: BuiltImage) -> Digest:
    return write_layout(folder, images, reference=REFERENCE, annotations=(("k", "v"),), blob_path=blobs.path)


def read(path: Path) -> StoredIndex:
    with open_source(path) as source:
        return read_index(source)


def problems(path: Path) -> tuple[str, ...]:
    with open_source(path) as source:
        return verify_image(source)


def damage(path: Path) -> None:
    """Another last byte; the length stays."""
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
