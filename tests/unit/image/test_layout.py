"""An image as an OCI layout: what is written, and what a write that was cut short leaves."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest

from floe_images.errors import DiskFullError, UsageError, WrongHashError
from floe_images.image.build import BuiltImage, build_index
from floe_images.image.digest import Digest
from tests.support.built import AMD64, ARM64, Blobs, sample_image
from tests.support.layouts import REFERENCE, damage, problems, read, write


def test_layout_has_one_nested_index_and_verifies(tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]) -> None:
    folder = tmp_path / "out"
    digest = write(folder, blobs, *both)
    top = json.loads((folder / "index.json").read_bytes())
    assert [entry["mediaType"] for entry in top["manifests"]] == ["application/vnd.oci.image.index.v1+json"]
    assert top["manifests"][0]["digest"] == digest == Digest.of(build_index(both, annotations=(("k", "v"),)))
    assert top["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] == str(REFERENCE)
    assert json.loads((folder / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    index = read(folder)
    assert index.digest == digest
    assert [(image.platform, image.reference) for image in index.images] == [
        ("linux/amd64", str(REFERENCE)),
        ("linux/arm64", str(REFERENCE)),
    ]
    assert [layer.name for layer in index.images[0].layers] == ["system", "python", "project"]
    assert problems(folder) == ()


def test_layers_are_hard_links_that_nobody_may_write(
    tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]
) -> None:
    write(tmp_path / "out", blobs, *both)
    for layer in both[0].layers:
        digest = Digest.parse(layer.digest)
        blob = tmp_path / "out" / "blobs" / "sha256" / digest.hex
        assert blob.samefile(blobs.path(digest))
        assert stat.S_IMODE(blob.stat().st_mode) == 0o444


def test_layers_are_copied_where_links_are_refused(
    tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    write(tmp_path / "out", blobs, *both)
    assert problems(tmp_path / "out") == ()
    digest = Digest.parse(both[0].layers[0].digest)
    assert not (tmp_path / "out/blobs/sha256" / digest.hex).samefile(blobs.path(digest))
    damaged = bytearray(blobs.path(digest).read_bytes())
    damaged[-1] ^= 1
    blobs.path(digest).chmod(0o644)
    blobs.path(digest).write_bytes(damaged)
    with pytest.raises(WrongHashError, match="damaged"):
        write(tmp_path / "other", blobs, *both)
    assert not (tmp_path / "other" / "index.json").exists()


def test_a_second_write_replaces_the_first_and_leaves_other_files(
    tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]
) -> None:
    folder = tmp_path / "out"
    write(folder, blobs, *both)
    (folder / "flights.tar").write_bytes(b"mine")
    (folder / "blobs/sha256/.left.1234.tmp").write_bytes(b"half")
    changed = sample_image(blobs, AMD64, "changed")
    write(folder, blobs, changed)
    kept = {Digest.parse(layer.digest).hex for layer in changed.layers}
    names = {path.name for path in (folder / "blobs/sha256").iterdir()}
    index = read(folder)
    assert names == {
        *kept,
        changed.config_digest.hex,
        changed.manifest_digest.hex,
        index.digest.hex if index.digest else "",
    }
    assert (folder / "flights.tar").read_bytes() == b"mine"
    assert problems(folder) == ()


@pytest.mark.parametrize("stop_at", range(1, 40))
def test_cut_short_at_any_step_the_layout_is_old_or_new(
    tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...], monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    folder = tmp_path / "out"
    old = write(folder, blobs, *both)
    changed = (sample_image(blobs, AMD64, "changed"), sample_image(blobs, ARM64, "changed"))
    steps = 0

    class Killed(BaseException):
        pass

    def count(real):  # type: ignore[no-untyped-def]
        def step(*given, **named):  # type: ignore[no-untyped-def]
            nonlocal steps
            steps += 1
            if steps == stop_at:
                raise Killed
            return real(*given, **named)

        return step

    with monkeypatch.context() as patched:
        for name in ("replace", "unlink", "write_bytes"):
            patched.setattr(Path, name, count(getattr(Path, name)))
        patched.setattr(os, "link", count(os.link))
        try:
            write(folder, blobs, *changed)
            stopped = False
        except Killed:
            stopped = True
    new = Digest.of(build_index(changed, annotations=(("k", "v"),)))
    assert problems(folder) == ()
    assert read(folder).digest in ((old, new) if stopped else (new,))
    assert write(folder, blobs, *changed) == new
    assert not list(folder.rglob("*.tmp"))
    assert problems(folder) == ()


def test_a_folder_with_other_blobs_is_refused(tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]) -> None:
    (tmp_path / "out" / "blobs").mkdir(parents=True)
    with pytest.raises(UsageError, match="has blobs but is no OCI layout"):
        write(tmp_path / "out", blobs, *both)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["blobs"]


def test_damaged_small_blobs_of_a_layout_are_written_anew(
    tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]
) -> None:
    folder = tmp_path / "out"
    index = write(folder, blobs, *both)
    for digest in (index, both[0].config_digest, both[1].manifest_digest):
        damage(folder / "blobs/sha256" / digest.hex)
    (folder / "oci-layout").write_bytes(b"")
    assert write(folder, blobs, *both) == index
    assert problems(folder) == ()
    assert json.loads((folder / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}


@pytest.mark.parametrize("stop_at", range(1, 9))
def test_a_full_disk_leaves_the_folder_as_it_was(
    tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...], monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    real, steps = Path.replace, 0

    def full(self: Path, target: Path) -> Path:
        nonlocal steps
        steps += 1
        if steps >= stop_at:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, target)

    def tree(folder: Path) -> dict[str, bytes | None]:
        found = (path for path in folder.rglob("*"))
        return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in found}

    changed = [sample_image(blobs, platform, "changed") for platform in (AMD64, ARM64)]
    write(tmp_path / "old", blobs, *both)
    before = tree(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        for folder in (tmp_path / "new" / "image", tmp_path / "old"):
            steps = 0
            with pytest.raises(DiskFullError):
                write(folder, blobs, *changed)
    assert tree(tmp_path) == before
