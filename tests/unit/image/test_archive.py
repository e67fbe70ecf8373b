"""An image as an archive that stock `docker load` takes."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

from floe_images.image.archive import write_archive
from floe_images.image.build import BuiltImage
from floe_images.image.digest import Digest
from tests.support.built import Blobs
from tests.support.layouts import REFERENCE, problems, read


def test_archive_is_a_layout_and_a_docker_archive_of_one_platform(
    tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]
) -> None:
    path = tmp_path / "flights.tar"
    write_archive(path, both[1], reference=REFERENCE, blob_path=blobs.path)
    with tarfile.open(path) as archive:
        names = archive.getnames()
        assert {(entry.mtime, entry.uid, entry.gid, entry.uname) for entry in archive} == {(0, 0, 0, "")}
        docker = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]
    assert len(names) == len(set(names))
    assert docker == [
        {
            "Config": f"blobs/sha256/{both[1].config_digest.hex}",
            "RepoTags": [str(REFERENCE)],
            "Layers": [f"blobs/sha256/{Digest.parse(layer.digest).hex}" for layer in both[1].layers],
        }
    ]
    index = read(path)
    assert [(image.platform, image.manifest_digest) for image in index.images] == [
        ("linux/arm64", both[1].manifest_digest)
    ]
    assert problems(path) == ()
    first = path.read_bytes()
    write_archive(path, both[1], reference=REFERENCE, blob_path=blobs.path)
    assert path.read_bytes() == first


def test_an_archive_is_what_tarfile_would_write(tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]) -> None:
    """Members that are filled in later, side by side, leave no trace: headers, paddings and the end are USTAR's."""
    path = tmp_path / "flights.tar"
    write_archive(path, both[0], reference=REFERENCE, blob_path=blobs.path)
    again = io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(fileobj=again, mode="w", format=tarfile.USTAR_FORMAT) as new:
        for entry in old.getmembers():
            new.addfile(entry, old.extractfile(entry))
    assert path.read_bytes() == again.getvalue()
