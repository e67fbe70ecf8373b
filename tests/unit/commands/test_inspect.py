"""``floe inspect`` on a small layout and a small archive: what it prints."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from floe_images.cli.console import TextConsole
from floe_images.cli.main import run
from floe_images.image.archive import write_archive
from floe_images.image.layout import write_layout
from floe_images.image.reference import Reference
from tests.support.built import AMD64, ARM64, Blobs, sample_image

REFERENCE = Reference.parse("registry.example.internal/data/flights:0.1.0")


@pytest.fixture
def layout(tmp_path: Path) -> tuple[Path, str]:
    blobs = Blobs(tmp_path / "cache")
    images = [sample_image(blobs, platform) for platform in (AMD64, ARM64)]
    folder = tmp_path / "image"
    digest = write_layout(folder, images, reference=REFERENCE, annotations=(), blob_path=blobs.path)
    write_archive(tmp_path / "arm.tar", images[1], reference=REFERENCE, blob_path=blobs.path)
    return folder, digest


def _floe(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["inspect", *arguments], TextConsole())
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_layers_of_both_platforms(layout: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    folder, digest = layout
    code, out, err = _floe(capsys, str(folder))
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"{REFERENCE}  {digest}"
    assert [line.split()[0] for line in lines if line.startswith("linux/")] == ["linux/amd64", "linux/arm64"]
    assert "0.0 MB stored, 0.0 MB unpacked, 3 layers, 1 Python and 1 Debian packages, 4 files" in lines
    table = [line.split() for line in lines if "sha256:" in line and line.split()[0] in ("system", "python", "project")]
    assert [row[0] for row in table] == ["system", "python", "project"] * 2
    assert table[0][5] == table[3][5]  # one system layer for both
    assert table[2][5] != table[5][5]


def test_json(layout: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _floe(capsys, str(layout[0]), "--json", "--platform", "linux/arm64", "--files", "--packages")
    value = json.loads(out)
    assert code == 0
    assert (value["reference"], value["digest"]) == (str(REFERENCE), layout[1])
    (image,) = value["images"]
    assert image["platform"] == "linux/arm64"
    assert image["created"] == "2023-11-14T22:13:20Z"
    assert image["labels"] == {"org.opencontainers.image.version": "0.1.0"}
    assert "layers" not in image
    assert image["packages"] == [
        {"kind": "debian", "name": "libfoo1", "version": "1.2-3", "layer": "python"},
        {"kind": "python", "name": "tiny-thing", "version": "1.2", "layer": "python"},
    ]
    assert [file["path"] for file in image["files"]] == [
        "bin/say",
        "usr/local/lib/python3.11/dist-packages/tiny_thing-1.2.dist-info/METADATA",
        "usr/local/lib/python3.11/dist-packages/tiny_thing/_vendor/inner-3.dist-info/METADATA",
        "var/lib/dpkg/status.d/libfoo1",
    ]


def test_json_without_a_section_has_layers_and_packages(
    layout: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    value = json.loads(_floe(capsys, str(layout[0]), "--json")[1])
    for image in value["images"]:
        assert image["unpacked"] == sum(layer["unpacked"] for layer in image["layers"]) > 0
        assert image["size"] == sum(layer["size"] for layer in image["layers"]) > 0
        assert len(image["packages"]) == 2
        assert "files" not in image


def test_files_of_an_archive_largest_first(layout: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _floe(capsys, str(layout[0].parent / "arm.tar"), "--files")
    assert code == 0
    names = [line.split()[2] for line in out.splitlines() if " MB " in line and "stored" not in line]
    assert names[0] == "bin/say"
    assert len(names) == 4


def test_a_platform_that_is_not_there(layout: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _floe(capsys, str(layout[0].parent / "arm.tar"), "--platform", "linux/amd64")
    assert (code, out) == (2, "")
    assert "no image for linux/amd64" in err
    assert "hint: it has: linux/arm64" in err


def test_verify_says_that_all_holds(layout: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    plain = _floe(capsys, str(layout[0]))
    for path in (layout[0], layout[0].parent / "arm.tar"):
        code, out, err = _floe(capsys, str(path), "--verify")
        assert (code, err) == (0, "verified: every size, digest and path holds\n")
        assert (out == plain[1]) == (path == layout[0])


def test_verify_prints_what_is_wrong(layout: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    folder = layout[0]
    (row,) = json.loads(_floe(capsys, str(folder), "--json", "--platform", "linux/arm64")[1])["images"]
    digest = row["layers"][2]["digest"]
    blob = folder / "blobs/sha256" / digest.removeprefix("sha256:")
    data = bytearray(blob.read_bytes())
    data[9] ^= 1  # gzip's mark of the operating system: it unpacks to the same
    blob.unlink()
    blob.write_bytes(data)
    assert _floe(capsys, str(folder))[0] == 0
    problem = f"{digest}: the bytes are sha256:{hashlib.sha256(data).hexdigest()}"
    hint = "hint: remove it and run `floe build` again\n"
    assert _floe(capsys, str(folder), "--verify") == (21, f"{problem}\n", f"error: {folder}: 1 thing is wrong\n{hint}")
    code, out, _ = _floe(capsys, str(folder), "--verify", "--json")
    assert (code, json.loads(out)) == (21, {"problems": [problem]})
    blob.write_bytes(data[:40])
    code, out, _ = _floe(capsys, str(folder), "--verify")
    assert code == 21
    assert f"{digest}: 40 bytes, its descriptor says {len(data)}" in out.splitlines()


def test_verify_of_what_is_no_layout(layout: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    (layout[0] / "index.json").write_bytes(b'{"manifests": [{"mediaType": "x", "digest": "sha256:1"}]}')
    code, out, err = _floe(capsys, str(layout[0]), "--verify")
    assert (code, out) == (21, f"{layout[0]}: not an OCI image layout\n")
    assert err.startswith(f"error: {layout[0]}: 1 thing is wrong\n")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX'")
def test_what_never_ends_is_not_opened(
    layout: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (str(tmp_path / "pipe"), os.devnull):
        code, out, err = _floe(capsys, path)
        assert (code, out) == (2, "")
        assert err.splitlines()[0] == f"error: {path}: neither a folder nor a regular file"
    (layout[0] / "index.json").unlink()
    os.mkfifo(layout[0] / "index.json")
    code, out, err = _floe(capsys, str(layout[0]))
    assert (code, out, err) == (2, "", f"error: {layout[0]}: index.json is not a regular file\n")


def test_no_image(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = _floe(capsys)
    assert (code, out) == (2, "")
    assert err.splitlines()[0] == "error: .floe/image: no such file or folder"
