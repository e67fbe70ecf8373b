"""The spool: what is kept, in which order, within which size, and who may send it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from floe_images.runtime.telemetry.parcel import Parcel
from floe_images.runtime.telemetry.spool import Spool


def _parcel(text: str, items: int = 1) -> Parcel:
    return Parcel(path="lineage", body=text.encode(), items=items)


def test_parcels_come_back_in_order_and_whole(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "lineage", "a" * 16)
    assert (spool.names(), spool.waiting(), spool.claim()) == ([], 0, False)
    assert spool.add([_parcel("one", 3), _parcel("two\nlines", 4)]) == (0, None)
    assert spool.add([_parcel("three")]) == (0, None)
    assert spool.waiting() == 8
    assert [spool.read(name) for name in spool.names()] == [
        _parcel("one", 3),
        _parcel("two\nlines", 4),
        _parcel("three"),
    ]
    spool.remove(spool.names()[0])
    assert spool.waiting() == 5
    assert spool.read("gone") is None


def test_the_oldest_of_any_endpoint_make_room(tmp_path: Path) -> None:
    first = Spool(tmp_path, "traces", "a" * 16, limit=1000)
    second = Spool(tmp_path, "lineage", "b" * 16, limit=1000)
    assert first.add([_parcel("x" * 300, 5)]) == (0, None)
    assert second.add([_parcel("y" * 100, 1)]) == (0, None)
    assert second.add([_parcel("z" * 500, 2)]) == (5, None)
    assert (first.waiting(), second.waiting()) == (0, 3)
    total = sum(path.stat().st_size for path in tmp_path.rglob("*.parcel"))
    assert total <= 1000


def test_what_is_no_file_does_not_stop_making_room(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "traces", "a", limit=1000)
    odd = tmp_path / "traces" / "a" / f"{1:020d}-1-000001-5.parcel"
    odd.mkdir(parents=True)
    for _ in range(4):
        assert spool.add([Parcel(path="/v1/traces", body=b"x" * 300, items=1)])[1] is None
    assert odd.is_dir()
    assert sum(path.stat().st_size for path in odd.parent.iterdir() if path.is_file()) <= 1000


def test_what_is_larger_than_all_room_is_lost_and_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "traces", "a" * 16, limit=1000)
    assert spool.add([_parcel("x" * 900, 7), _parcel("y" * 100, 2)]) == (7, None)
    assert [spool.read(name) for name in spool.names()] == [_parcel("y" * 100, 2)]


@pytest.mark.parametrize("damage", [b"", b"{}\n", b"not json", b'{"endpoint":"aaaaaaaaaaaaaaaa","sha256":"0"}\nx'])
def test_a_damaged_file_is_set_aside(tmp_path: Path, damage: bytes) -> None:
    spool = Spool(tmp_path, "traces", "a" * 16)
    spool.add([_parcel("one"), _parcel("two")])
    name = spool.names()[0]
    (tmp_path / "traces" / ("a" * 16) / name).write_bytes(damage)
    assert spool.read(name) is None
    assert (spool.damaged(), spool.waiting()) == (1, 1)


def test_a_file_of_another_endpoint_is_not_sent(tmp_path: Path) -> None:
    Spool(tmp_path, "traces", "a" * 16).add([_parcel("one")])
    (tmp_path / "traces" / ("a" * 16)).rename(tmp_path / "traces" / ("b" * 16))
    moved = Spool(tmp_path, "traces", "b" * 16)
    assert moved.read(moved.names()[0]) is None


def test_one_process_sends_from_a_folder_and_its_end_frees_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "traces", "a" * 16)
    spool.add([_parcel("one")])
    holder = (
        "import sys; from pathlib import Path; from floe_images.runtime.telemetry.spool import Spool\n"
        f"print(Spool(Path({str(tmp_path)!r}), 'traces', 'a' * 16).claim(), flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen([sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout
    assert child.stdout.readline() == "True\n"
    assert spool.claim() is False
    child.kill()
    child.wait()
    child.stdout.close()
    assert spool.claim() is True
    assert spool.claim() is True
    spool.release()


def test_what_a_killed_writer_left_is_swept(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "traces", "a" * 16)
    spool.add([_parcel("one")])
    folder = tmp_path / "traces" / ("a" * 16)
    for name, age in ((".old", 1000.0), (".new", 0.0)):
        (folder / name).write_bytes(b"half")
        stat = (folder / name).stat()
        os.utime(folder / name, (stat.st_atime - age, stat.st_mtime - age))
    assert spool.claim()
    spool.release()
    assert sorted(path.name for path in folder.glob(".*")) == [".new"]


def test_a_place_that_cannot_be_written_loses_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "traces").write_text("a file is in the way")
    lost, fault = Spool(tmp_path, "traces", "a" * 16).add([_parcel("one", 4)])
    assert lost == 4
    assert isinstance(fault, NotADirectoryError | FileExistsError)
