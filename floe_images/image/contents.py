"""What is in an image: its files and its packages, read out of the layers without unpacking them.

Packages are what scanners look for: ``*.dist-info/METADATA`` (https://packaging.python.org/specifications/core-metadata)
and ``var/lib/dpkg/status.d/*``. Whiteouts are honoured (image-spec layer.md).
"""

from __future__ import annotations

import gzip
import posixpath
import re
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Literal

from floe_images.errors import UsageError
from floe_images.image import place
from floe_images.image.read import ImageSource, StoredImage, StoredLayer
from floe_images.image.words import DOCKER_LAYER_GZIP, LAYER_GZIP

_MAX_METADATA = 4 << 20  # bytes
# What a package vendors (`setuptools/_vendor/…dist-info`) is part of it, not installed beside it.
_PYTHON = re.compile(r"(?:^|/)(?:site|dist)-packages/[^/]+\.dist-info/METADATA$")
_DEBIAN = re.compile(r"^var/lib/dpkg/status\.d/[^/]+$")
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


@dataclass(frozen=True, kw_only=True, order=True)
class InstalledPackage:
    kind: Literal["debian", "python"]
    name: str
    version: str
    layer: str


@dataclass(frozen=True, kw_only=True)
class FoundFile:
    """A regular file as it is in the finished image; ``size`` in bytes."""

    path: str
    size: int
    layer: str


@dataclass(frozen=True, kw_only=True)
class ImageContents:
    """``unpacked`` is the uncompressed length of each layer's tar, in the image's order; files and packages sorted."""

    unpacked: tuple[int, ...]
    packages: tuple[InstalledPackage, ...]
    files: tuple[FoundFile, ...]


def read_contents(source: ImageSource, image: StoredImage) -> ImageContents:
    """Read every layer once. Raise UsageError for a layer that is not a tar, gzip or not."""
    files: dict[str, FoundFile] = {}
    packages: dict[str, InstalledPackage] = {}
    unpacked = []
    for layer in image.layers:
        with open_layer(source, layer) as tar:
            for entry, stream in _entries(tar):
                _apply(entry, stream, layer, files, packages)
            unpacked.append(_drain(tar))
    return ImageContents(
        unpacked=tuple(unpacked),
        packages=tuple(sorted(package for path, package in packages.items() if path in files)),
        files=tuple(files[path] for path in sorted(files)),
    )


@contextmanager
def open_layer(source: ImageSource, layer: StoredLayer) -> Iterator[IO[bytes]]:
    """The uncompressed tar of a layer as a stream. Raise UsageError for a compression that is not read here."""
    where = f"{source.where}: {place.blob(layer.digest)}"
    with source.open(place.blob(layer.digest)) as stored:
        try:
            if layer.media_type in (LAYER_GZIP, DOCKER_LAYER_GZIP):
                with gzip.GzipFile(fileobj=stored) as tar:
                    yield tar  # type: ignore[misc]
            elif layer.media_type.endswith(".tar"):
                yield stored
            else:
                raise UsageError(f"layers of type {layer.media_type} are not read here", where=where)
        except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise UsageError("a layer is damaged", where=where) from error


def _entries(tar: IO[bytes]) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    with tarfile.open(fileobj=tar, mode="r|") as archive:
        for entry in archive:
            yield entry, archive.extractfile(entry) if entry.isreg() else None
            archive.members = []  # type: ignore[attr-defined]  # else tarfile keeps every header of the layer


def _apply(
    entry: tarfile.TarInfo,
    stream: IO[bytes] | None,
    layer: StoredLayer,
    files: dict[str, FoundFile],
    packages: dict[str, InstalledPackage],
) -> None:
    path = posixpath.normpath(entry.name.lstrip("/"))
    folder, name = posixpath.split(path)
    if name.startswith(_WHITEOUT):
        gone = folder if name == _OPAQUE else posixpath.join(folder, name.removeprefix(_WHITEOUT))
        for other in [known for known in files if known == gone or known.startswith(f"{gone}/")]:
            del files[other]
        return
    if stream is None:
        if not entry.isdir():
            files.pop(path, None)
        return
    files[path] = FoundFile(path=path, size=entry.size, layer=layer.name)
    kind: Literal["debian", "python"] | None = (
        "python" if _PYTHON.search(path) else "debian" if _DEBIAN.search(path) else None
    )
    if kind and not path.endswith(".md5sums"):
        package = _package(kind, stream.read(_MAX_METADATA), layer.name)
        if package:
            packages[path] = package


def _package(kind: Literal["debian", "python"], data: bytes, layer: str) -> InstalledPackage | None:
    header = data.decode("utf-8", "replace").replace("\r\n", "\n").partition("\n\n")[0]
    fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", header, re.MULTILINE))
    name = fields.get("Name" if kind == "python" else "Package")
    version = fields.get("Version")
    return InstalledPackage(kind=kind, name=name, version=version, layer=layer) if name and version else None


def _drain(tar: IO[bytes]) -> int:
    while tar.read(1 << 20):
        pass
    return tar.tell()
