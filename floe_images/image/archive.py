"""One platform's image as one file that stock `docker load` takes, on the classic and on the containerd store.

It is an OCI layout (``oci-layout``, ``index.json``, blobs; read by the containerd store, skopeo and podman) and a
Docker archive (``manifest.json``; read by the classic store) at once. ``index.json`` names this platform alone, since
an index that names absent blobs breaks importers.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tarfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from floe_images.errors import disk_error
from floe_images.image import place
from floe_images.image.cached import remove_damaged, verified
from floe_images.image.digest import Digest
from floe_images.image.layout import BlobPath
from floe_images.image.packed import PackedImage
from floe_images.image.reference import Reference
from floe_images.image.words import CONTAINERD_NAME, REF_NAME, Descriptor, ImageIndex, canonical_json

_COPIERS = min(2, os.cpu_count() or 1)  # threads; the disk has no more to give
_CHUNK = 1 << 18
_ABANDONED_SECONDS = 60  # since another run has written to its temporary file


def write_archive(path: Path, image: PackedImage, *, reference: Reference, blob_path: BlobPath) -> None:
    """Write ``path`` anew: equal images give equal bytes. Each layer is verified as it is copied.

    Raise WrongHashError for a layer that was damaged in the cache (it is removed), DiskError, DiskFullError.
    """
    names = ((REF_NAME, str(reference)), (CONTAINERD_NAME, reference.canonical))
    manifest = Descriptor.of(image.media_type, image.manifest, platform=image.platform, annotations=names)
    layers = [Digest.parse(layer.digest) for layer in image.layers]
    docker = {
        "Config": place.blob(image.config_digest),
        "RepoTags": [str(reference)],
        "Layers": [place.blob(digest) for digest in layers],
    }
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f".{path.name}.*.tmp"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                    left.unlink()
        with open(temporary, "wb") as stream:
            archive = _Writer(stream)
            archive.put(place.OCI_LAYOUT, place.OCI_LAYOUT_BYTES)
            archive.put(place.INDEX_JSON, ImageIndex(manifests=(manifest,)).json_bytes())
            archive.put(place.DOCKER_MANIFEST, canonical_json([docker]))
            archive.put_folder(place.BLOBS)
            archive.put_folder(place.SHA256)
            for data in (image.config, image.manifest):
                archive.put(place.blob(Digest.of(data)), data)
            gaps = [
                _Gap(start=archive.leave(place.blob(digest), layer.size), size=layer.size, digest=digest)
                for digest, layer in zip(layers, image.layers, strict=True)
                if archive.is_new(place.blob(digest))
            ]
            archive.end()
        _fill(temporary, gaps, blob_path)
        temporary.replace(path)
    except OSError as error:
        raise disk_error(error, str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@dataclass(frozen=True, kw_only=True)
class _Gap:
    """Where ``digest``'s bytes belong, in bytes from the file's beginning."""

    start: int
    size: int
    digest: Digest


class _Writer:
    """A tar (USTAR) whose large members are left as gaps, so that they can be filled side by side."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._names: set[str] = set()

    def is_new(self, name: str) -> bool:
        return name not in self._names

    def put(self, name: str, data: bytes) -> None:
        self._head(_entry(name, size=len(data)))
        self._stream.write(data + bytes(-len(data) % tarfile.BLOCKSIZE))

    def put_folder(self, name: str) -> None:
        entry = _entry(name, mode=0o755)
        entry.type = tarfile.DIRTYPE
        self._head(entry)

    def leave(self, name: str, size: int) -> int:
        """Where the ``size`` bytes of the member ``name`` begin."""
        self._head(_entry(name, size=size))
        start = self._stream.tell()
        self._stream.seek(size + -size % tarfile.BLOCKSIZE, os.SEEK_CUR)
        return start

    def end(self) -> None:
        """Two empty blocks, and then as many as fill the last record (POSIX.1-1988, 10.1.1)."""
        size = self._stream.tell() + 2 * tarfile.BLOCKSIZE
        self._stream.truncate(size + -size % tarfile.RECORDSIZE)

    def _head(self, entry: tarfile.TarInfo) -> None:
        self._names.add(entry.name)
        self._stream.write(entry.tobuf(tarfile.USTAR_FORMAT))


def _entry(name: str, *, size: int = 0, mode: int = 0o444) -> tarfile.TarInfo:
    # TarInfo's defaults are owner 0:0 without names and time 0: nothing of this machine.
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.mode = mode
    return entry


def _fill(path: Path, gaps: Sequence[_Gap], blob_path: BlobPath) -> None:
    """Copy and hash on both cores, the largest first."""
    pool = ThreadPoolExecutor(_COPIERS, thread_name_prefix="archive")
    try:
        order = sorted(gaps, key=lambda gap: -gap.size)
        for future in [pool.submit(_copy, path, gap, blob_path(gap.digest)) for gap in order]:
            future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _copy(path: Path, gap: _Gap, source: Path) -> None:
    buffer = memoryview(bytearray(_CHUNK))
    with open(path, "r+b", buffering=0) as target, verified(source, gap.digest) as reader:
        target.seek(gap.start)
        left = gap.size
        while size := reader.readinto(buffer):
            left -= size
            if left < 0:
                raise remove_damaged(source)
            part = buffer[:size]
            while part:
                part = part[target.write(part) :]
