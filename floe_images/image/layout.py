"""Writing an OCI image layout: blobs first, then the index in one rename, then what nothing names any more goes.

Source: https://github.com/opencontainers/image-spec, image-layout.md. At any moment of a write, `kill -9` included,
the folder is the old layout or the new one, whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from floe_images.errors import DiskError, UsageError, WrongHashError, disk_error
from floe_images.image import place
from floe_images.image.build import BuiltImage, build_index, index_descriptor
from floe_images.image.digest import Digest
from floe_images.image.reference import Reference
from floe_images.image.words import CONTAINERD_NAME, REF_NAME, Annotations, ImageIndex

# Where the stored bytes of a layer lie: digest → an existing file.
BlobPath = Callable[[Digest], Path]


def write_layout(
    folder: Path,
    images: Sequence[BuiltImage],
    *,
    reference: Reference,
    annotations: Annotations,
    blob_path: BlobPath,
) -> Digest:
    """Make ``folder`` the layout of ``images`` under one nested index named ``reference``; the index's digest.

    ``annotations`` belong to the index. Layers are hard links to ``blob_path``'s files where the file system allows
    it, else verified copies. Other files in ``folder`` are left alone. Raise UsageError where ``folder`` has ``blobs``
    or ``index.json`` that are no layout's, DiskError or DiskFullError where it cannot be written.
    """
    index = build_index(images, annotations=annotations)
    names = ((REF_NAME, str(reference)), (CONTAINERD_NAME, reference.canonical))
    top = ImageIndex(manifests=(index_descriptor(index, annotations=names),))
    small = {Digest.of(data): data for image in images for data in (image.config, image.manifest)}
    small[Digest.of(index)] = index
    layers = {Digest.parse(layer.digest): layer.size for image in images for layer in image.layers}
    try:
        _prepare(folder)
        for digest, data in small.items():
            if not _is_there(folder, digest, len(data)):
                _replace(folder / place.blob(digest), data, mode=0o444)
        for digest, size in layers.items():
            if not _is_there(folder, digest, size):
                _place_blob(folder, digest, size, blob_path(digest))
        _replace(folder / place.INDEX_JSON, top.json_bytes())
        _remove_others(folder, {*small, *layers})
    except OSError as error:
        raise disk_error(error, str(folder)) from error
    return Digest.of(index)


def _prepare(folder: Path) -> None:
    marker = folder / place.OCI_LAYOUT
    if not marker.exists():
        taken = [name for name in (place.INDEX_JSON, place.BLOBS) if (folder / name).exists()]
        if taken:
            raise UsageError(
                f"the folder has {' and '.join(taken)} but is no OCI layout",
                where=str(folder),
                hint="choose an empty folder",
            )
        folder.mkdir(parents=True, exist_ok=True)
        _replace(marker, place.OCI_LAYOUT_BYTES)
    (folder / place.SHA256).mkdir(parents=True, exist_ok=True)


def _is_there(folder: Path, digest: Digest, size: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return (folder / place.blob(digest)).stat().st_size == size
    return False


def _place_blob(folder: Path, digest: Digest, size: int, source: Path) -> None:
    if source.stat().st_size != size:
        raise DiskError(
            "a layer in the cache is damaged",
            where=str(source),
            hint="run `floe cache prune`, then build again",
        )
    target = folder / place.blob(digest)
    with _temporary(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            # Another file system, or one without hard links.
            _copy_verified(source, temporary, digest)
        temporary.chmod(0o444)
        temporary.replace(target)


def _copy_verified(source: Path, target: Path, digest: Digest) -> None:
    sha256 = hashlib.sha256()
    with open(source, "rb") as reader, open(target, "wb") as writer:
        while chunk := reader.read(1 << 20):
            sha256.update(chunk)
            writer.write(chunk)
    if sha256.hexdigest() != digest.hex:
        raise WrongHashError(
            "a layer in the cache is damaged",
            where=str(source),
            hint="run `floe cache prune`, then build again",
        )


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
