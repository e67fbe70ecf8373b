"""A layer that is damaged in the cache enters neither a layout nor an archive, and is hashed no oftener than needed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from floe_images.errors import WrongHashError
from floe_images.image.archive import write_archive
from floe_images.image.build import BuiltImage
from floe_images.image.digest import Digest
from tests.support.built import Blobs
from tests.support.layouts import REFERENCE, damage, problems, write


def _of_before(image: BuiltImage) -> BuiltImage:
    """The image with every layer from an earlier run's cache."""
    return replace(image, layers=tuple(replace(layer, rebuilt=False) for layer in image.layers))


def test_a_cut_layer_in_the_cache_is_removed(tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]) -> None:
    path = blobs.path(Digest.parse(both[0].layers[1].digest))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(WrongHashError, match="damaged in the cache; it was removed"):
        write(tmp_path / "out", blobs, *both)
    assert not path.exists()
    assert not (tmp_path / "out").exists()
    path.write_bytes(whole[:-1])
    with pytest.raises(WrongHashError, match="damaged in the cache; it was removed"):
        write_archive(tmp_path / "a.tar", both[0], reference=REFERENCE, blob_path=blobs.path)
    assert not path.exists()
    assert not list(tmp_path.glob("*.tar*"))
    assert not list(tmp_path.glob(".a.tar*"))


def test_a_damaged_layer_of_an_earlier_run_enters_no_layout(
    tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]
) -> None:
    path = blobs.path(Digest.parse(both[0].layers[1].digest))
    damage(path)
    with pytest.raises(WrongHashError, match="damaged in the cache; it was removed") as raised:
        write(tmp_path / "out", blobs, *(_of_before(image) for image in both))
    assert raised.value.where == str(path)
    assert not path.exists()
    assert not (tmp_path / "out").exists()


def test_a_layer_that_was_made_anew_replaces_its_damaged_link(
    tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]
) -> None:
    digest = Digest.parse(both[0].layers[1].digest)
    whole = blobs.path(digest).read_bytes()
    write(tmp_path / "out", blobs, *both)
    damage(blobs.path(digest))
    with pytest.raises(WrongHashError):
        write_archive(tmp_path / "a.tar", both[0], reference=REFERENCE, blob_path=blobs.path)
    blobs.path(digest).write_bytes(whole)  # as the next run makes it
    write(tmp_path / "out", blobs, *both)
    assert problems(tmp_path / "out") == ()


def test_a_damaged_layer_that_is_in_the_layout_already_is_noticed(
    tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]
) -> None:
    """As a hard link it is the cache's own bytes; as a copy it is mended out of the cache."""
    folder, before = tmp_path / "out", [_of_before(image) for image in both]
    digest = Digest.parse(both[0].layers[1].digest)
    placed = folder / "blobs/sha256" / digest.hex
    write(folder, blobs, *both)
    whole = placed.read_bytes()
    placed.unlink()
    placed.write_bytes(whole)
    damage(placed)
    write(folder, blobs, *before)
    assert (placed.read_bytes(), problems(folder)) == (whole, ())

    assert placed.samefile(blobs.path(digest))
    damage(placed)
    with pytest.raises(WrongHashError, match="damaged in the cache; it was removed"):
        write(folder, blobs, *before)
    assert not blobs.path(digest).exists()
    blobs.path(digest).write_bytes(whole)  # as the next run makes it
    write(folder, blobs, *both)
    assert problems(folder) == ()


@pytest.mark.parametrize("change", [lambda data: data + b"\0" * 2000, lambda data: data[:100], lambda data: b""])
def test_a_layer_of_another_length_enters_no_archive(
    tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...], change: Callable[[bytes], bytes]
) -> None:
    source = blobs.path(Digest.parse(both[0].layers[0].digest))
    source.write_bytes(change(source.read_bytes()))
    with pytest.raises(WrongHashError, match="damaged in the cache; it was removed"):
        write_archive(tmp_path / "a.tar", both[0], reference=REFERENCE, blob_path=blobs.path)
    assert not source.exists()
    assert not [path for path in tmp_path.iterdir() if "a.tar" in path.name]


def test_a_layer_is_hashed_once_for_the_layout_and_the_archive(
    tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _of_before(both[0])
    write(tmp_path / "out", blobs, before)
    hashed: list[int] = []

    class Counting:
        def __init__(self) -> None:
            self._real = hashlib.sha256()

        def update(self, data: bytes) -> None:
            hashed.append(len(data))
            self._real.update(data)

        def hexdigest(self) -> str:
            return self._real.hexdigest()

    monkeypatch.setattr("floe_images.image.cached.hashlib", SimpleNamespace(sha256=Counting))
    write_archive(tmp_path / "a.tar", before, reference=REFERENCE, blob_path=blobs.path)
    assert sum(hashed) == 0
    os.utime(blobs.path(Digest.parse(before.layers[1].digest)))  # it may be another one by now
    write_archive(tmp_path / "a.tar", before, reference=REFERENCE, blob_path=blobs.path)
    assert sum(hashed) == before.layers[1].size
