"""One platform's image as one file that stock `docker load` takes, on the classic and on the containerd store.

It is an OCI layout (``oci-layout``, ``index.json``, blobs; read by the containerd store, skopeo and podman) and a
Docker archive (``manifest.json``; read by the classic store) at once. ``index.json`` names this platform alone, since
an index that names absent blobs breaks importers.
"""

from __future__ import annotations

import contextlib
import io
import secrets
import tarfile
from pathlib import Path
from typing import IO, cast

from floe_images.errors import disk_error
from floe_images.image import place
from floe_images.image.build import BuiltImage
from floe_images.image.cached import verified
from floe_images.image.digest import Digest
from floe_images.image.layout import BlobPath
from floe_images.image.reference import Reference
from floe_images.image.words import CONTAINERD_NAME, MANIFEST, REF_NAME, Descriptor, ImageIndex, canonical_json


def write_archive(path: Path, image: BuiltImage, *, reference: Reference, blob_path: BlobPath) -> None:
    """Write ``path`` anew: equal images give equal bytes. Each layer is verified as it is copied.

    Raise WrongHashError for a layer that was damaged in the cache (it is removed), DiskError, DiskFullError.
    """
    names = ((REF_NAME, str(reference)), (CONTAINERD_NAME, reference.canonical))
    manifest = Descriptor.of(MANIFEST, image.manifest, platform=image.platform, annotations=names)
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
            left.unlink()
        with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as archive:
            _add_bytes(archive, place.OCI_LAYOUT, place.OCI_LAYOUT_BYTES)
            _add_bytes(archive, place.INDEX_JSON, ImageIndex(manifests=(manifest,)).json_bytes())
            _add_bytes(archive, place.DOCKER_MANIFEST, canonical_json([docker]))
            _add_folder(archive, place.BLOBS)
            _add_folder(archive, place.SHA256)
            for data in (image.config, image.manifest):
                _add_bytes(archive, place.blob(Digest.of(data)), data)
            for digest in dict.fromkeys(layers):
                _add_blob(archive, digest, blob_path(digest))
        temporary.replace(path)
    except OSError as error:
        raise disk_error(error, str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _entry(name: str, *, size: int = 0, mode: int = 0o444) -> tarfile.TarInfo:
    # TarInfo's defaults are owner 0:0 without names and time 0: nothing of this machine.
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.mode = mode
    return entry


def _add_folder(archive: tarfile.TarFile, name: str) -> None:
    entry = _entry(name, mode=0o755)
    entry.type = tarfile.DIRTYPE
    archive.addfile(entry)


def _add_bytes(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    archive.addfile(_entry(name, size=len(data)), io.BytesIO(data))


def _add_blob(archive: tarfile.TarFile, digest: Digest, source: Path) -> None:
    with verified(source, digest) as reader:
        archive.addfile(_entry(place.blob(digest), size=source.stat().st_size), cast("IO[bytes]", reader))
