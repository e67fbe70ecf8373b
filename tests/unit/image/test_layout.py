"""Layouts and archives as they are written, read, verified, and left by a write that was cut short."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from floe_images.errors import DiskFullError, UsageError, WrongHashError
from floe_images.image.archive import write_archive
from floe_images.image.build import BuiltImage, build_image, build_index
from floe_images.image.contents import read_contents
from floe_images.image.digest import Digest
from floe_images.image.layout import write_layout
from floe_images.image.read import StoredIndex, open_source, read_index
from floe_images.image.reference import Reference
from floe_images.image.verify import verify_image
from tests.support.built import AMD64, ARM64, EPOCH, Blobs, Settings, sample_image

REFERENCE = Reference.parse("registry.example.internal/data/flights:0.1.0")


def _write(folder: Path, blobs: Blobs, *images: BuiltImage) -> Digest:
    return write_layout(folder, images, reference=REFERENCE, annotations=(("k", "v"),), blob_path=blobs.path)


def _read(path: Path) -> StoredIndex:
    with open_source(path) as source:
        return read_index(source)


def _problems(path: Path) -> tuple[str, ...]:
    with open_source(path) as source:
        return verify_image(source)


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "cache")


@pytest.fixture
def both(blobs: Blobs) -> tuple[BuiltImage, BuiltImage]:
    return sample_image(blobs, AMD64), sample_image(blobs, ARM64)


def test_layout_has_one_nested_index_and_verifies(tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]) -> None:
    folder = tmp_path / "out"
    digest = _write(folder, blobs, *both)
    top = json.loads((folder / "index.json").read_bytes())
    assert [entry["mediaType"] for entry in top["manifests"]] == ["application/vnd.oci.image.index.v1+json"]
    assert top["manifests"][0]["digest"] == digest == Digest.of(build_index(both, annotations=(("k", "v"),)))
    assert top["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] == str(REFERENCE)
    assert json.loads((folder / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    index = _read(folder)
    assert index.digest == digest
    assert [(image.platform, image.reference) for image in index.images] == [
        ("linux/amd64", str(REFERENCE)),
        ("linux/arm64", str(REFERENCE)),
    ]
    assert [layer.name for layer in index.images[0].layers] == ["system", "python", "project"]
    assert _problems(folder) == ()


def test_layers_are_hard_links_that_nobody_may_write(
    tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]
) -> None:
    _write(tmp_path / "out", blobs, *both)
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
    _write(tmp_path / "out", blobs, *both)
    assert _problems(tmp_path / "out") == ()
    digest = Digest.parse(both[0].layers[0].digest)
    assert not (tmp_path / "out/blobs/sha256" / digest.hex).samefile(blobs.path(digest))
    damaged = bytearray(blobs.path(digest).read_bytes())
    damaged[-1] ^= 1
    blobs.path(digest).chmod(0o644)
    blobs.path(digest).write_bytes(damaged)
    with pytest.raises(WrongHashError, match="damaged"):
        _write(tmp_path / "other", blobs, *both)
    assert not (tmp_path / "other" / "index.json").exists()


def test_a_second_write_replaces_the_first_and_leaves_other_files(
    tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]
) -> None:
    folder = tmp_path / "out"
    _write(folder, blobs, *both)
    (folder / "flights.tar").write_bytes(b"mine")
    (folder / "blobs/sha256/.left.1234.tmp").write_bytes(b"half")
    changed = sample_image(blobs, AMD64, "changed")
    _write(folder, blobs, changed)
    kept = {Digest.parse(layer.digest).hex for layer in changed.layers}
    names = {path.name for path in (folder / "blobs/sha256").iterdir()}
    index = _read(folder)
    assert names == {
        *kept,
        changed.config_digest.hex,
        changed.manifest_digest.hex,
        index.digest.hex if index.digest else "",
    }
    assert (folder / "flights.tar").read_bytes() == b"mine"
    assert _problems(folder) == ()


@pytest.mark.parametrize("stop_at", range(1, 40))
def test_cut_short_at_any_step_the_layout_is_old_or_new(
    tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...], monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    folder = tmp_path / "out"
    old = _write(folder, blobs, *both)
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
            _write(folder, blobs, *changed)
            stopped = False
        except Killed:
            stopped = True
    new = Digest.of(build_index(changed, annotations=(("k", "v"),)))
    assert _problems(folder) == ()
    assert _read(folder).digest in ((old, new) if stopped else (new,))
    assert _write(folder, blobs, *changed) == new
    assert not list(folder.rglob("*.tmp"))
    assert _problems(folder) == ()


def test_a_folder_with_other_blobs_is_refused(tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]) -> None:
    (tmp_path / "out" / "blobs").mkdir(parents=True)
    with pytest.raises(UsageError, match="has blobs but is no OCI layout"):
        _write(tmp_path / "out", blobs, *both)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["blobs"]


def _damage(path: Path) -> None:
    """Another last byte; the length stays."""
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def _of_before(image: BuiltImage) -> BuiltImage:
    """The image with every layer from an earlier run's cache."""
    return replace(image, layers=tuple(replace(layer, rebuilt=False) for layer in image.layers))


def test_a_cut_layer_in_the_cache_is_removed(tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]) -> None:
    path = blobs.path(Digest.parse(both[0].layers[1].digest))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(WrongHashError, match="damaged in the cache; it was removed"):
        _write(tmp_path / "out", blobs, *both)
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
    _damage(path)
    with pytest.raises(WrongHashError, match="damaged in the cache; it was removed") as raised:
        _write(tmp_path / "out", blobs, *(_of_before(image) for image in both))
    assert raised.value.where == str(path)
    assert not path.exists()
    assert not (tmp_path / "out").exists()


def test_a_layer_that_was_made_anew_replaces_its_damaged_link(
    tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]
) -> None:
    digest = Digest.parse(both[0].layers[1].digest)
    whole = blobs.path(digest).read_bytes()
    _write(tmp_path / "out", blobs, *both)
    _damage(blobs.path(digest))
    with pytest.raises(WrongHashError):
        write_archive(tmp_path / "a.tar", both[0], reference=REFERENCE, blob_path=blobs.path)
    blobs.path(digest).write_bytes(whole)  # as the next run makes it
    _write(tmp_path / "out", blobs, *both)
    assert _problems(tmp_path / "out") == ()


def test_a_damaged_layer_that_is_in_the_layout_already_is_noticed(
    tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]
) -> None:
    """As a hard link it is the cache's own bytes; as a copy it is mended out of the cache."""
    folder, before = tmp_path / "out", [_of_before(image) for image in both]
    digest = Digest.parse(both[0].layers[1].digest)
    placed = folder / "blobs/sha256" / digest.hex
    _write(folder, blobs, *both)
    whole = placed.read_bytes()
    placed.unlink()
    placed.write_bytes(whole)
    _damage(placed)
    _write(folder, blobs, *before)
    assert (placed.read_bytes(), _problems(folder)) == (whole, ())

    assert placed.samefile(blobs.path(digest))
    _damage(placed)
    with pytest.raises(WrongHashError, match="damaged in the cache; it was removed"):
        _write(folder, blobs, *before)
    assert not blobs.path(digest).exists()
    blobs.path(digest).write_bytes(whole)  # as the next run makes it
    _write(folder, blobs, *both)
    assert _problems(folder) == ()


def test_a_layer_is_hashed_once_for_the_layout_and_the_archive(
    tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _of_before(both[0])
    _write(tmp_path / "out", blobs, before)
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


def test_damaged_small_blobs_of_a_layout_are_written_anew(
    tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]
) -> None:
    folder = tmp_path / "out"
    index = _write(folder, blobs, *both)
    for digest in (index, both[0].config_digest, both[1].manifest_digest):
        _damage(folder / "blobs/sha256" / digest.hex)
    (folder / "oci-layout").write_bytes(b"")
    assert _write(folder, blobs, *both) == index
    assert _problems(folder) == ()
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
    _write(tmp_path / "old", blobs, *both)
    before = tree(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        for folder in (tmp_path / "new" / "image", tmp_path / "old"):
            steps = 0
            with pytest.raises(DiskFullError):
                _write(folder, blobs, *changed)
    assert tree(tmp_path) == before


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
    index = _read(path)
    assert [(image.platform, image.manifest_digest) for image in index.images] == [
        ("linux/arm64", both[1].manifest_digest)
    ]
    assert _problems(path) == ()
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


def test_contents_packages_files_and_sizes(tmp_path: Path, blobs: Blobs, both: tuple[BuiltImage, ...]) -> None:
    _write(tmp_path / "out", blobs, *both)
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
    _write(tmp_path / "out", blobs, image)
    with open_source(tmp_path / "out") as source:
        contents = read_contents(source, read_index(source).images[0])
    assert [(file.path, file.size, file.layer) for file in contents.files] == [("x/three", 2, "b"), ("y", 1, "a")]
    assert contents.packages == ()


def test_verify_names_what_is_wrong(tmp_path: Path, blobs: Blobs) -> None:
    twice = blobs.layer("twice", [("a", b"1"), ("b", b"2"), ("a", b"3")])
    outside = blobs.layer("outside", [("../etc/passwd", b"1")])
    image = build_image(AMD64, (twice, outside), Settings(), epoch=EPOCH)
    folder = tmp_path / "out"
    _write(folder, blobs, image)
    assert _problems(folder) == (
        f"{twice.digest}: a: occurs twice",
        f"{outside.digest}: ../etc/passwd: leads out of the image",
    )
    blob = folder / "blobs/sha256" / Digest.parse(twice.digest).hex
    stored = blob.read_bytes()
    blob.unlink()
    assert f"{twice.digest}: absent" in _problems(folder)
    blob.write_bytes(stored + b"\0")
    found = _problems(folder)
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
        _read(tmp_path)


def test_a_file_that_is_no_archive_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"hello")
    with pytest.raises(UsageError, match="not an OCI image archive"):
        _read(tmp_path / "x.tar")
    with pytest.raises(UsageError, match="no such file"):
        _read(tmp_path / "y.tar")
