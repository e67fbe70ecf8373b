"""Fragments as files of this machine."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from floe_images.engine.assemble.entry import Entry, no_content
from floe_images.engine.assemble.fragment import Fragment, make_fragment
from floe_images.engine.assemble.layer import DamagedFragmentError
from floe_images.engine.assemble.unpacked import put_together, unpack, unpack_to
from floe_images.engine.store import Store
from floe_images.errors import CancelledError

LONG = "usr/" + "long" * 40 + "/é"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def fragment(store: Store, key: str, **files: bytes) -> Fragment:
    def entries():  # type: ignore[no-untyped-def]
        for path, data in files.items():
            yield (
                Entry(path=path, kind="file", mode=0o755 if path.endswith("run") else 0o644, size=len(data)),
                lambda data=data: (data,),
            )
        if key == "links":
            first = next(iter(files))
            yield Entry(path="usr/hard", kind="hardlink", mode=0o644, link=first), no_content
            yield Entry(path="usr/soft", kind="symlink", mode=0o777, link="hard"), no_content
            yield Entry(path="usr/away", kind="symlink", mode=0o777, link="/etc/passwd"), no_content

    return make_fragment(key, entries(), store, where="test")


def test_files_modes_and_links_as_in_the_image_but_none_may_be_written(store: Store) -> None:
    big = os.urandom(700_000)
    made = fragment(store, "links", **{LONG: b"x", "usr/bin/run": b"#!", "usr/big": big, "usr/empty": b""})
    root = unpack(made, store)
    assert (root / LONG).read_bytes() == b"x"
    assert (root / "usr/big").read_bytes() == big
    assert (root / "usr/empty").read_bytes() == b""
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) & 0o333 for path in (root / "usr/bin/run", root / "usr/big")}
    assert modes == {"run": 0o111, "big": 0}
    assert (root / "usr/soft").read_bytes() == b"x"
    assert not (root / "usr/away").is_symlink()
    assert unpack(made, store) == root


def test_what_is_unpacked_once_serves_without_the_fragment(store: Store) -> None:
    made = fragment(store, "one", **{"usr/a": b"a"})
    root = unpack(made, store)
    store.path("fragments", made.key).unlink()
    assert unpack(made, store) == root


@pytest.mark.parametrize("at", [12, -1])
def test_a_damaged_fragment_leaves_nothing(store: Store, at: int) -> None:
    made = fragment(store, "one", **{"usr/a": os.urandom(5000)})
    path = store.path("fragments", made.key)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedFragmentError):
        unpack(made, store)
    assert not store.path("trees", "").exists()
    assert list((store.root / "tmp").iterdir()) == []


def test_it_stops_when_it_is_told_to(store: Store, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(CancelledError):
        unpack_to(tmp_path / "x", fragment(store, "one", **{"usr/a": b"a"}), store, stop=stop)


def test_trees_share_their_files_and_a_changed_package_gives_another_tree(store: Store) -> None:
    one = unpack(fragment(store, "one", **{"usr/lib/ns/a.py": b"a"}), store)
    two = unpack(fragment(store, "links", **{"usr/lib/ns/b.py": b"b"}), store)
    tree = put_together([one, two], store)
    assert sorted(path.name for path in (tree / "usr/lib/ns").iterdir()) == ["a.py", "b.py"]
    assert (tree / "usr/soft").is_symlink()
    assert (tree / "usr/lib/ns/a.py").stat().st_ino == (one / "usr/lib/ns/a.py").stat().st_ino
    assert put_together([one, two], store) == tree
    other = unpack(fragment(store, "three", **{"usr/lib/ns/a.py": b"new"}), store)
    assert (put_together([other, two], store) / "usr/lib/ns/a.py").read_bytes() == b"new"
    assert (tree / "usr/lib/ns/a.py").read_bytes() == b"a"


def test_a_disk_without_hard_links(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    one = unpack(fragment(store, "one", **{"usr/a": b"a"}), store)

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    assert (put_together([one], store) / "usr/a").read_bytes() == b"a"
