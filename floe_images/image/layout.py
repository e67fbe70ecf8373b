"""Writing an OCI image layout: blobs first, then the index in one rename, then what nothing names any more goes.

Source: https://github.com/opencontainers/image-spec, image-layout.md. At any moment of a write, `kill -9` included,
the folder is the old layout or the new one, whole.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from floe_images.errors import UsageError, disk_error
from floe_images.image import place
from floe_images.image.build import build_index, index_descriptor
from floe_images.image.cached import is_sound, remove_damaged, verified, verify_blob
from floe_images.image.digest import Digest
from floe_images.image.packed import PackedImage, PackedLayer
from floe_images.image.reference import Reference
from floe_images.image.words import CONTAINERD_NAME, REF_NAME, Annotations, ImageIndex

# Where the stored bytes of a layer lie: digest → an existing file.
BlobPath = Callable[[Digest], Path]
_READERS = min(2, os.cpu_count() or 1)  # threads that hash


def write_layout(
    folder: Path,
    images: Sequence[PackedImage],
    *,
    reference: Reference,
    annotations: Annotations,
    blob_path: BlobPath,
) -> Digest:
    """Make ``folder`` the layout of ``images`` under one nested index named ``reference``; the index's digest.

    ``annotations`` belong to the index. Layers are hard links to ``blob_path``'s files where the file system allows
    it, else copies; all but those that this run has made are hashed, also where they are in the folder already. Other
    files in ``folder`` are left alone, and where the write fails, what it placed goes again. One write at a time is
    the caller's to see to. Raise UsageError where ``folder`` has ``blobs``
    or ``index.json`` that are no layout's, WrongHashError for a layer that was damaged in the cache (it is removed),
    DiskError or DiskFullError where it cannot be written.
    """
    index = build_index(images, annotations=annotations)
    names = ((REF_NAME, str(reference)), (CONTAINERD_NAME, reference.canonical))
    top = ImageIndex(manifests=(index_descriptor(index, annotations=names),)).json_bytes()
    small = {Digest.of(data): data for image in images for data in (image.config, image.manifest)}
    small[Digest.of(index)] = index
    layers = _layers(images)
    placed = _Placed()
    try:
        _prepare(folder, placed)
        for digest, data in small.items():
            path = folder / place.blob(digest)
            if _content(path, len(data)) != data:
                placed.file(path)
                _replace(path, data, mode=0o444)
        with ThreadPoolExecutor(_READERS, thread_name_prefix="layout") as pool:
            there = list(pool.map(lambda layer: _is_there(folder, layer, blob_path), layers.values()))
        for (digest, layer), found in zip(layers.items(), there, strict=True):
            if not found:
                placed.file(folder / place.blob(digest))
                _place_blob(folder, layer, blob_path(digest))
        _replace(folder / place.INDEX_JSON, top)
        _remove_others(folder, {*small, *layers})
    except (Exception, KeyboardInterrupt) as error:
        if _content(folder / place.INDEX_JSON, len(top)) != top:
            placed.remove()
        if isinstance(error, OSError):
            raise disk_error(error, str(folder)) from error
        raise
    return Digest.of(index)


def _layers(images: Sequence[PackedImage]) -> dict[Digest, PackedLayer]:
    """Every layer once; of two that are equal the one that this run made."""
    found: dict[Digest, PackedLayer] = {}
    for image in images:
        for layer in image.layers:
            digest = Digest.parse(layer.digest)
            if layer.rebuilt or digest not in found:
                found[digest] = layer
    return found


class _Placed:
    """The files and folders that were not there before this write."""

    def __init__(self) -> None:
        self._files: list[Path] = []
        self._folders: list[Path] = []

    def file(self, path: Path) -> None:
        if not path.exists():
            self._files.append(path)

    def folder(self, path: Path) -> None:
        """Make ``path`` and its parents."""
        missing = [each for each in (path, *path.parents) if not each.exists()]
        self._folders = [*missing, *self._folders]
        path.mkdir(parents=True, exist_ok=True)

    def remove(self) -> None:
        for path in self._files:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        for path in self._folders:
            with contextlib.suppress(OSError):
                path.rmdir()


def _prepare(folder: Path, placed: _Placed) -> None:
    marker = folder / place.OCI_LAYOUT
    if not marker.exists():
        taken = [name for name in (place.INDEX_JSON, place.BLOBS) if (folder / name).exists()]
        if taken:
            raise UsageError(
                f"the folder has {' and '.join(taken)} but is no OCI layout",
                where=str(folder),
                hint="choose an empty folder",
            )
        placed.folder(folder)
    if _content(marker, len(place.OCI_LAYOUT_BYTES)) != place.OCI_LAYOUT_BYTES:
        placed.file(marker)
        _replace(marker, place.OCI_LAYOUT_BYTES)
    placed.folder(folder / place.SHA256)


def _content(path: Path, size: int) -> bytes | None:
    """The bytes of a file of ``size`` bytes; None where there is no such file, or it cannot be read."""
    try:
        return path.read_bytes() if path.stat().st_size == size else None
    except OSError:
        return None


def _is_there(folder: Path, layer: PackedLayer, blob_path: BlobPath) -> bool:
    digest = Digest.parse(layer.digest)
    path, source = folder / place.blob(digest), blob_path(digest)
    try:
        if path.stat().st_size != layer.size:
            return False
        if layer.rebuilt:
            # What had to be made anew may have been damaged where it lay, and a link to it with it.
            return path.samefile(source)
        if path.samefile(source):
            verify_blob(source, digest)
            return True
        return is_sound(path, digest)
    except FileNotFoundError:
        return False


def _place_blob(folder: Path, layer: PackedLayer, source: Path) -> None:
    if source.stat().st_size != layer.size:
        raise remove_damaged(source)
    digest = Digest.parse(layer.digest)
    target = folder / place.blob(digest)
    with _temporary(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            # Another file system, or one without hard links.
            with verified(source, digest) as reader, open(temporary, "wb") as writer:
                while chunk := reader.read():
                    writer.write(chunk)
        else:
            if not layer.rebuilt:
                verify_blob(source, digest)
        temporary.chmod(0o444)
        temporary.replace(target)


def _replace(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    with _temporary(path) as temporary:
        temporary.write_bytes(data)
        temporary.chmod(mode)
        temporary.replace(path)


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    temporary = path.with_name(f".{path.name[:16]}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _remove_others(folder: Path, keep: set[Digest]) -> None:
    names = {digest.hex for digest in keep}
    for path in (folder / place.SHA256).iterdir():
        if path.name not in names:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    for path in folder.glob(".*.tmp"):
        path.unlink()
