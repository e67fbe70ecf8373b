"""The cache folder: notes that are believed only as they were written, and folders that cannot be used."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from floe_images.engine.store import Store, default_store
from floe_images.errors import DiskError, UsageError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def test_a_note_is_what_was_noted(store: Store) -> None:
    store.note("key", {"a": [1, "b"]})
    assert store.recall("key") == {"a": [1, "b"]}
    assert store.recall("another") is None


@pytest.mark.parametrize("damaged", ["{}", "[]", "null", '{"a": 1}', "", '{"sha256": "", "value": {}}', "\0" * 40])
def test_a_damaged_note_is_absent(store: Store, damaged: str) -> None:
    store.note("key", {"a": 1})
    store.path("memo", "key.json").write_text(damaged)
    assert store.recall("key") is None


def test_a_changed_or_moved_note_is_absent(store: Store) -> None:
    store.note("key", {"a": 1})
    path = store.path("memo", "key.json")
    shutil.copy(path, store.path("memo", "another.json"))
    noted = json.loads(path.read_text())
    noted["value"]["a"] = 2
    path.write_text(json.dumps(noted))
    assert (store.recall("key"), store.recall("another")) == (None, None)


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file")
    for act in (lambda: store.note("key", 1), lambda: store.temporary("x")):
        with pytest.raises(DiskError, match="the cache cannot be written: Not a directory") as caught:
            act()
        assert "FLOE_CACHE_DIR" in str(caught.value.hint)
    with store.in_use():  # what needs no writing goes on
        assert store.recall("key") is None


def test_what_vanishes_under_a_run_is_one_line(store: Store) -> None:
    with pytest.raises(DiskError, match="was removed from the cache while it was needed") as caught, store.in_use():
        store.path("downloads", "gone").stat()
    assert caught.value.where == str(store.path("downloads", "gone"))
    with pytest.raises(DiskError, match="was removed from the cache"):
        store.adopt("blobs", "a", store.temporary("never-written"))


def test_an_error_elsewhere_stays_what_it_is(store: Store, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), store.in_use():
        (tmp_path / "elsewhere").stat()


def test_the_marker_goes_with_the_run(store: Store) -> None:
    with store.in_use():
        assert [path.name.split(".")[0] for path in (store.root / "tmp").iterdir()] == ["in-use"]
    assert list((store.root / "tmp").iterdir()) == []


@pytest.mark.parametrize("place", ["~no-such-user-here/x", os.devnull])
def test_no_folder_of_a_user_that_is_not_there_and_no_file(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("FLOE_CACHE_DIR", place)
    with pytest.raises(UsageError, match="FLOE_CACHE_DIR"):
        default_store()


def test_the_next_run_removes_what_killed_ones_left(store: Store) -> None:
    """Markers of the dead at once, their other files after a day; downloads are continued, the living are let alone."""
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    folder = store.temporary("x").parent
    names = {
        f"in-use.{dead.pid}.aa": False,
        f"in-use.{os.getpid()}.aa": True,
        f"layer-base.{dead.pid}.a": True,
        f"layer-base.{dead.pid}.b.old": False,
        f"layer-base.{os.getpid()}.b.old": True,
        f"partial-{'a' * 64}.kept.old": True,
        f"resolve.{dead.pid}.folder.old": False,
    }
    for name in names:
        path = folder / name.removesuffix(".old")
        path.mkdir() if "folder" in name else path.touch()
        if name.endswith(".old"):
            os.utime(path, (0, 0))
    with store.in_use():
        pass
    left = {path.name for path in folder.iterdir()}
    assert left == {name.removesuffix(".old") for name, stays in names.items() if stays}
