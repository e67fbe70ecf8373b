"""What is read out of layouts and archives: packages, files, what is wrong with them, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from floe_images.errors import UsageError
from floe_images.image.build import BuiltImage, build_image
from floe_images.image.contents import read_contents
from floe_images.image.digest import Digest
from floe_images.image.read import open_source, read_index
from tests.support.built import AMD64, EPOCH, Blobs, Settings
from tests.support.layouts import problems, read, write


def test_contents_packages_files_and_sizes(tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]) -> None:
    write(tmp_path / "out", blobs, *both)
    with open_source(tmp_path / "out") as source:
        contents = read_contents(source, read_index(source).images[0])
    assert [(p.kind, p.name, p.version, p.layer) for p in contents.packages] == [
        ("debian", "libfoo1", "1.2-3", "python"),
        ("python", "tiny-thing", "1.2", "python"),
    ]
    assert contents.unpacked == tuple(layer.tar_size for layer in both[0].layers)
    say = next(file for file in contents.files if file.path == "bin/say")
    assert (say.layer, say.size > 100) == ("project", True)


def test_whiteouts_take_files_and_packages_away(tmp_path: Path, blobs: Blobs) -> None:
    layers = (
        blobs.layer(
            "a", {"x/one": b"1", "x/two": b"2", "y": b"3", "var/lib/dpkg/status.d/p": b"Package: p\nVersion: 1\n"}
        ),
        blobs.layer("b", {"x/.wh..wh..opq": b"", "var/lib/dpkg/.wh.status.d": b"", "x/three": b"33"}),
    )
    image = build_image(AMD64, layers, Settings(), epoch=EPOCH)
    write(tmp_path / "out", blobs, image)
    with open_source(tmp_path / "out") as source:
        contents = read_contents(source, read_index(source).images[0])
    assert [(file.path, file.size, file.layer) for file in contents.files] == [("x/three", 2, "b"), ("y", 1, "a")]
    assert contents.packages == ()


def test_verify_names_what_is_wrong(tmp_path: Path, blobs: Blobs) -> None:
    twice = blobs.layer("twice", [("a", b"1"), ("b", b"2"), ("a", b"3")])
    outside = blobs.layer("outside", [("../etc/passwd", b"1")])
    image = build_image(AMD64, (twice, outside), Settings(), epoch=EPOCH)
    folder = tmp_path / "out"
    write(folder, blobs, image)
    assert problems(folder) == (
        f"{twice.digest}: a: occurs twice",
        f"{outside.digest}: ../etc/passwd: leads out of the image",
    )
    blob = folder / "blobs/sha256" / Digest.parse(twice.digest).hex
    stored = blob.read_bytes()
    blob.unlink()
    assert f"{twice.digest}: absent" in problems(folder)
    blob.write_bytes(stored + b"\0")
    found = problems(folder)
    assert f"{twice.digest}: {len(stored) + 1} bytes, its descriptor says {len(stored)}" in found


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b'{"manifests": 1}',
        b'{"manifests":[{"mediaType":"x"}]}',
        b'{"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:../../x"}]}',
        b'{"manifests":' + b"[" * 100_000,
        b"\xff",
    ],
)
def test_whatever_is_no_image_is_one_line(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "index.json").write_bytes(data)
    with pytest.raises(UsageError, match="not an OCI image"):
        read(tmp_path)


def test_a_file_that_is_no_archive_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"hello")
    with pytest.raises(UsageError, match="not an OCI image archive"):
        read(tmp_path / "x.tar")
    with pytest.raises(UsageError, match="no such file"):
        read(tmp_path / "y.tar")
