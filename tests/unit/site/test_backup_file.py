"""The file of `floe backup`: whole, readable by others' tools, and refused where it is not what was written."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from floe_images.errors import DiskFullError, FloeError, HostileArchiveError, UsageError, WrongHashError
from floe_images.site.backup_file import Backup, BackupWriter, KeptImage, read_backup, unpacked, verify_content
from floe_images.site.volume_tar import read_content

Member = tuple[str, bytes, bytes, str]  # name, kind, content, link
HONEST: tuple[Member, ...] = (
    ("volume", tarfile.DIRTYPE, b"", ""),
    ("volume/a", tarfile.REGTYPE, b"one" * 100_000, ""),
    ("volume/b", tarfile.LNKTYPE, b"", "volume/a"),
    ("volume/c", tarfile.SYMTYPE, b"", "/etc/passwd"),
)


def tar(members: tuple[Member, ...], *, uid: int = 10001) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, content, link in members:
            entry = tarfile.TarInfo(name)
            entry.type, entry.size, entry.linkname, entry.uid = kind, len(content), link, uid
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def chunks(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 1000):
        yield data[start : start + 1000]


def write(path: Path, *volumes: bytes) -> Backup:
    with BackupWriter(path) as writer:
        backup = Backup(
            project="flights",
            made="2026-11-24T02:00:00+00:00",
            floe="0.1.0",
            lock="0" * 64,
            images=(KeptImage(service="lake", reference="localhost/lake:1", id=None),),
            secrets=("lake",),
            volumes=tuple(writer.volume(f"v{number}", chunks(data)) for number, data in enumerate(volumes)),
        )
        assert writer.finish(backup) == path.stat().st_size
    return backup


@pytest.fixture
def written(tmp_path: Path) -> Path:
    write(tmp_path / "kept", tar(HONEST), tar(HONEST[:2]))
    return tmp_path / "kept"


def test_what_is_written_is_read_and_others_read_it_too(written: Path, tmp_path: Path) -> None:
    backup = read_backup(written)
    assert [(volume.name, volume.content.entries) for volume in backup.volumes] == [("v0", 4), ("v1", 2)]
    assert b"".join(unpacked(written, backup.volumes[0])) == tar(HONEST)
    for volume in backup.volumes:
        verify_content(written, volume)
    assert written.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "xf", str(written), "-C", str(out)], check=True)
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=out, check=True, capture_output=True)
    listed = subprocess.run(["tar", "tzf", "volumes/v0.tar.gz"], cwd=out, check=True, capture_output=True, text=True)
    assert listed.stdout.splitlines() == ["volume/", "volume/a", "volume/b", "volume/c"]


def test_every_truncation_and_every_changed_byte_is_noticed(written: Path, tmp_path: Path) -> None:
    data = written.read_bytes()
    assert len(data) < 20_000
    for size in range(0, len(data) - 1024, 97):
        (tmp_path / "cut").write_bytes(data[:size])
        with pytest.raises((WrongHashError, UsageError)):
            read_backup(tmp_path / "cut")
    noticed = 0
    for place in range(0, len(data), 61):
        (tmp_path / "bent").write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        try:
            assert read_backup(tmp_path / "bent") == read_backup(written)  # padding and unused fields of headers
        except (WrongHashError, UsageError):
            noticed += 1
    assert noticed > len(data) // 61 // 2


def rebuilt(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Another file of the same members after ``change``, its checksums right again unless ``change`` made them."""
    with tarfile.open(path) as archive:
        found = {entry.name: archive.extractfile(entry).read() for entry in archive}  # type: ignore[union-attr]
    sums = found.pop("SHA256SUMS")
    change(found)
    if "SHA256SUMS" not in found:
        sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in found.items()).encode()
        found["SHA256SUMS"] = sums
    other = path.with_name("other")
    with tarfile.open(other, "w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in found.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return other


def edit(members: dict[str, bytes], **values: object) -> None:
    members["backup.json"] = json.dumps({**json.loads(members["backup.json"]), **values}).encode()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param(lambda members: edit(members, version=2), UsageError, id="a later version"),
        pytest.param(lambda members: edit(members, format="other"), UsageError, id="another format"),
        pytest.param(lambda members: edit(members, volumes=[]), WrongHashError, id="a volume that is not named"),
        pytest.param(lambda members: edit(members, project=7), UsageError, id="a project that is no text"),
        pytest.param(lambda members: members.update({"../x": b""}), UsageError, id="a member that leads out"),
        pytest.param(lambda members: members.pop("volumes/v1.tar.gz"), WrongHashError, id="a volume that is missing"),
        pytest.param(lambda members: members.pop("backup.json"), WrongHashError, id="no manifest"),
        pytest.param(lambda members: members.update({"backup.json": b"[" * 9000}), UsageError, id="no JSON"),
    ],
)
def test_what_no_backup_has_is_refused(
    written: Path, change: Callable[[dict[str, bytes]], None], error: type[FloeError]
) -> None:
    with pytest.raises(error):
        read_backup(rebuilt(written, change))


def test_a_volume_that_does_not_unpack_to_what_the_manifest_says(written: Path) -> None:
    first, second = read_backup(written).volumes

    def swap(members: dict[str, bytes]) -> None:
        members["volumes/v0.tar.gz"], members["volumes/v1.tar.gz"] = (
            members["volumes/v1.tar.gz"], members["volumes/v0.tar.gz"],
        )  # fmt: skip
        manifest = json.loads(members["backup.json"])
        for volume, other in zip(manifest["volumes"], (second, first), strict=True):
            volume["sha256"], volume["packed"] = other.sha256, other.packed
        edit(members, volumes=manifest["volumes"])

    other = rebuilt(written, swap)
    for volume in read_backup(other).volumes:
        with pytest.raises(WrongHashError):
            verify_content(other, volume)


@pytest.mark.parametrize(
    "member",
    [
        ("../x", tarfile.REGTYPE, b"x", ""),
        ("volume/../../x", tarfile.REGTYPE, b"x", ""),
        ("/etc/x", tarfile.REGTYPE, b"x", ""),
        ("other/x", tarfile.REGTYPE, b"x", ""),
        ("volume/h", tarfile.LNKTYPE, b"", "../etc/passwd"),
        ("volume/c/x", tarfile.REGTYPE, b"x", ""),
        ("volume/d", tarfile.CHRTYPE, b"", ""),
        ("volume/d", tarfile.BLKTYPE, b"", ""),
    ],
)
def test_a_volume_with_what_leads_out_is_refused(member: Member) -> None:
    with pytest.raises(HostileArchiveError):
        read_content(chunks(tar((*HONEST, member))), lambda _: None, where="v")


def test_a_header_without_end_is_not_read_into_memory() -> None:
    entry = tarfile.TarInfo("volume/x")
    entry.type, entry.size = tarfile.XHDTYPE, 1 << 40

    def endless() -> Iterator[bytes]:
        yield entry.tobuf(tarfile.GNU_FORMAT)
        for _ in range(64):
            yield bytes(1 << 20)
        raise AssertionError("read on")

    with pytest.raises(WrongHashError):
        read_content(endless(), lambda _: None, where="v")


def test_the_digest_is_of_the_content_alone() -> None:
    def digest(data: bytes) -> str:
        return read_content(chunks(data), lambda _: None, where="v").digest

    same = digest(tar((HONEST[0], HONEST[2], HONEST[1], HONEST[3])))
    assert digest(tar(HONEST)) == same
    assert digest(tar(HONEST, uid=0)) != same
    assert digest(tar(HONEST[:3])) != same
    changed = (HONEST[0], ("volume/a", tarfile.REGTYPE, b"two" * 100_000, ""), *HONEST[2:])
    assert digest(tar(changed)) != same


def test_a_full_disk_leaves_nothing_but_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "kept", tar(HONEST[:2]))
    older = (tmp_path / "kept").read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskFullError):
        write(tmp_path / "kept", tar(HONEST))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"kept": older}


@pytest.mark.parametrize("content", [b"precious\n", b"", b"x" * 2000])
def test_a_file_that_is_no_backup_is_not_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "notes.txt").write_bytes(content)
    with pytest.raises(UsageError, match=r"a file that is no backup of floe's lies there"):
        write(tmp_path / "notes.txt", tar(HONEST))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"notes.txt": content}


def test_only_what_a_dead_backup_left_is_removed(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    kept = [".victim.x.tmp", f".other.{ended.pid}.tmp", f".*.{os.getpid()}.0.tmp", f".*.{os.getppid()}.tmp"]
    for name in (*kept, f".*.{ended.pid}.tmp"):
        (tmp_path / name).touch()
    write(tmp_path / "*", tar(HONEST))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["*", *kept])


def test_no_name_is_no_file() -> None:
    with pytest.raises(UsageError):
        BackupWriter(Path())


def test_a_source_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield tar(HONEST)[:5000]

    with BackupWriter(tmp_path / "kept") as writer, pytest.raises(WrongHashError):
        writer.volume("v", broken())
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_file_is_neither_read_nor_replaced(tmp_path: Path) -> None:
    pipe, folder, link = tmp_path / "pipe", tmp_path / "folder", tmp_path / "link"
    os.mkfifo(pipe)
    folder.mkdir()
    link.symlink_to(tmp_path / "elsewhere")
    for path in (pipe, folder):
        with pytest.raises(UsageError, match="no file"):
            read_backup(path)
    for path in (pipe, folder, link):
        with pytest.raises(UsageError, match="something else than a file"), BackupWriter(path):
            pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "link", "pipe"]
