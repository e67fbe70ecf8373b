"""``floe inspect`` on a small layout and a small archive: what it prints."""

from __future__ import annotations

import json
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
    assert "0.0 MB stored, 0.0 MB unpacked, 3 layers, 1 Python and 1 Debian packages, 3 files" in lines
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
    assert len(names) == 3


def test_a_platform_that_is_not_there(layout: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _floe(capsys, str(layout[0].parent / "arm.tar"), "--platform", "linux/amd64")
    assert (code, out) == (2, "")
    assert "no image for linux/amd64" in err
    assert "hint: it has: linux/arm64" in err


def test_no_image(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = _floe(capsys)
    assert (code, out) == (2, "")
    assert err.splitlines()[0] == "error: .floe/image: no such file or folder"
