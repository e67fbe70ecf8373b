"""One file out of an archive: found, streamed, bounded; hostile archives are refused."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from floe_images.engine.fetch import member as member_module
from floe_images.engine.fetch.member import open_member
from floe_images.errors import HostileArchiveError, ResolveError

ROWS = b"a,b\n1,2\n" * 1000


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def tarred(files: dict[str, bytes], kind: str = "gz") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=f"w:{kind}") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def read(tmp_path: Path, name: str, data: bytes, member: str) -> bytes:
    path = tmp_path / name
    path.write_bytes(data)
    with open_member(path, member) as stream:
        return stream.read()


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
@pytest.mark.parametrize("member", ["pkg-1.0/data/x.csv", "data/x.csv"])
def test_an_sdist_with_or_without_its_folder(kind: str, member: str, tmp_path: Path) -> None:
    data = tarred({"pkg-1.0/PKG-INFO": b"x", "pkg-1.0/data/x.csv": ROWS}, kind)
    assert read(tmp_path, f"pkg-1.0.tar.{kind}", data, member) == ROWS


def test_an_archive_in_an_archive(tmp_path: Path) -> None:
    inner = zipped({"x.csv": ROWS, "y.csv": b"no"})
    assert read(tmp_path, "p.tar.gz", tarred({"p-1/x.csv.zip": inner}), "x.csv.zip!x.csv") == ROWS
    deeper = tarred({"in.zip": inner})
    assert read(tmp_path, "p.whl", zipped({"p/d.tar.gz": deeper, "q": b""}), "p/d.tar.gz!in.zip!x.csv") == ROWS


def test_no_such_member_says_what_is_close(tmp_path: Path) -> None:
    with pytest.raises(ResolveError) as caught:
        read(tmp_path, "p.tar.gz", tarred({"p-1/data/flights.csv": ROWS}), "data/flight.csv")
    assert caught.value.hint == "did you mean p-1/data/flights.csv?"


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", tarred({"a": ROWS})[:-40], zipped({"a": ROWS})[:-10]],
    ids=["empty", "text", "cut-tar", "cut-zip"],
)
def test_no_archive(data: bytes, tmp_path: Path) -> None:
    with pytest.raises((HostileArchiveError, ResolveError)) as caught:
        read(tmp_path, "p.tar.gz", data, "b")
    assert caught.value.exit_code in (13, 30)


def test_a_member_that_breaks_off(tmp_path: Path) -> None:
    import random

    data = zipped({"a": random.Random(1).randbytes(100_000)})
    broken = data[:50_000] + bytes(100) + data[50_100:]
    with pytest.raises(HostileArchiveError, match="cannot be unpacked"):
        read(tmp_path, "p.zip", broken, "a")


def test_links_and_folders_are_no_data(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        link = tarfile.TarInfo("x.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        device = tarfile.TarInfo("null")
        device.type = tarfile.CHRTYPE
        archive.addfile(device)
    for name in ("x.csv", "null"):
        with pytest.raises(HostileArchiveError, match="no regular file"):
            read(tmp_path, "p.tar.gz", stream.getvalue(), name)
    symlink = zipfile.ZipInfo("x.csv")
    symlink.external_attr = 0o120777 << 16
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as zipped_link:
        zipped_link.writestr(symlink, "/etc/passwd")
    with pytest.raises(HostileArchiveError, match="no regular file"):
        read(tmp_path, "p.zip", body.getvalue(), "x.csv")


@pytest.mark.parametrize("kind", ["zip", "tar", "nested"])
def test_a_bomb_is_stopped(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member_module, "_HONEST", 1 << 20)
    zeros = bytes(8 << 20)
    data, member = {
        "zip": (zipped({"x": zeros}), "x"),
        "tar": (tarred({"x": zeros}), "x"),
        "nested": (tarred({"in.zip": zipped({"x": zeros})}), "in.zip!x"),
    }[kind]
    with pytest.raises(HostileArchiveError, match="unpacks to more than"):
        read(tmp_path, "bomb", data, member)


def test_more_entries_than_bearable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member_module, "_ENTRY_LIMIT", 3)
    with pytest.raises(HostileArchiveError, match="more than 3 entries"):
        read(tmp_path, "p.tar.gz", tarred(dict.fromkeys("abcdef", b"")), "z")
