from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import threading
from pathlib import Path

import pytest

from floe_images.engine.assemble.entry import Entries, Entry, no_content
from floe_images.engine.assemble.fragment import Fragment, find_fragment, fragment_key, fragment_path, make_fragment
from floe_images.engine.assemble.layer import DamagedFragmentError, find_layer, layer_key, write_layer
from floe_images.engine.store import Store
from floe_images.errors import CancelledError, CollisionError, HostileArchiveError
from floe_images.image.layer import LayerBlob

Spec = dict[str, object]  # path → content, or a folder's mode, or ("symlink" | "hardlink", target)


def entries(files: Spec) -> Entries:
    for path, value in files.items():
        if isinstance(value, int):
            yield Entry(path=path, kind="dir", mode=value), no_content
        elif isinstance(value, tuple):
            yield Entry(path=path, kind=value[0], mode=0o777, link=value[1]), no_content
        else:
            assert isinstance(value, bytes)
            yield Entry(path=path, kind="file", mode=0o644, size=len(value)), lambda value=value: (value,)


def fragment(store: Store, files: Spec, name: str = "part") -> Fragment:
    key = fragment_key(hashlib.sha256(repr(files).encode()).hexdigest())
    return find_fragment(key, store) or make_fragment(key, entries(files), store, where=name)


def layer(store: Store, *parts: Spec, base: bool = False) -> LayerBlob:
    fragments = [fragment(store, files) for files in parts]
    key = layer_key([each.key for each in fragments], base=base)
    return find_layer(key, "test", store) or write_layer(key, "test", fragments, store, base=base)


def listing(store: Store, blob: LayerBlob) -> list[tuple[str, str, int]]:
    body = store.path("blobs", blob.digest.removeprefix("sha256:")).read_bytes()
    assert blob.digest == f"sha256:{hashlib.sha256(body).hexdigest()}"
    plain = gzip.decompress(body)
    assert blob.diff_id == f"sha256:{hashlib.sha256(plain).hexdigest()}"
    assert (blob.size, blob.tar_size) == (len(body), len(plain))
    with tarfile.open(fileobj=io.BytesIO(plain)) as read:
        return [(member.name, member.type.decode(), member.mode) for member in read]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def test_folders_come_first_and_once(store: Store) -> None:
    blob = layer(store, {"usr/lib/a/one.py": b"1", "usr/lib/a/two.py": b"2"}, {"usr/lib/b/three.py": b"3"})
    assert listing(store, blob) == [
        ("usr", "5", 0o755),
        ("usr/lib", "5", 0o755),
        ("usr/lib/a", "5", 0o755),
        ("usr/lib/b", "5", 0o755),
        ("usr/lib/a/one.py", "0", 0o644),
        ("usr/lib/a/two.py", "0", 0o644),
        ("usr/lib/b/three.py", "0", 0o644),
    ]


def test_a_layer_above_keeps_the_modes_of_the_base(store: Store) -> None:
    blob = layer(store, {"tmp/x": b"", "var/lib/floe/y": b"", "root/z": b"", "var/tmp": 0o755})
    modes = {path: mode for path, kind, mode in listing(store, blob) if kind == "5"}
    assert modes == {
        "root": 0o700,
        "tmp": 0o1777,
        "var": 0o755,
        "var/lib": 0o755,
        "var/lib/floe": 0o775,
        "var/tmp": 0o1777,
    }


def test_a_folder_that_two_packages_share_keeps_the_mode_that_says_more(store: Store) -> None:
    for parts in (({"srv": 0o755}, {"srv": 0o750}), ({"srv": 0o750}, {"srv": 0o755})):
        assert listing(store, layer(store, *parts)) == [("srv", "5", 0o750)]
    with pytest.raises(CollisionError, match="the folder srv"):
        layer(store, {"srv": 0o750}, {"srv": 0o700})


def test_the_same_parts_are_not_made_again(store: Store) -> None:
    first = layer(store, {"usr/a": b"1"}, {"usr/b": b"2"})
    again = layer(store, {"usr/a": b"1"}, {"usr/b": b"2"})
    assert (first.rebuilt, again.rebuilt) == (True, False)
    assert (again.digest, again.diff_id, again.size, again.tar_size) == (
        first.digest,
        first.diff_id,
        first.size,
        first.tar_size,
    )


def test_another_store_gives_the_same_bytes(store: Store, tmp_path: Path) -> None:
    parts: tuple[Spec, ...] = ({"usr/a": b"1" * 5000}, {"usr/b": b"2", "usr/c": ("symlink", "b")})
    assert layer(store, *parts).digest == layer(Store(tmp_path / "other"), *parts).digest


def test_a_layer_whose_blob_is_gone_is_made_again(store: Store) -> None:
    blob = layer(store, {"usr/a": b"1"})
    store.path("blobs", blob.digest.removeprefix("sha256:")).unlink()
    again = layer(store, {"usr/a": b"1"})
    assert again.rebuilt
    assert again.digest == blob.digest


@pytest.mark.parametrize(
    "parts",
    [
        ({"usr/a": b"1"}, {"usr/a": b"1"}),
        ({"usr/a": b"1"}, {"usr/a/b": b"1"}),
        ({"usr/a": ("symlink", "b")}, {"usr/a/b": b"1"}),
        ({"usr/a": b"1"}, {"usr/a": 0o755}),
    ],
)
def test_no_path_twice(store: Store, parts: tuple[Spec, ...]) -> None:
    with pytest.raises(CollisionError, match="usr/a"):
        layer(store, *parts)


def test_no_path_twice_in_a_part(store: Store) -> None:
    twice = [*entries({"usr/a": b"1"}), *entries({"usr/a": b"2"})]
    with pytest.raises(CollisionError, match="part: the path usr/a occurs twice"):
        make_fragment("0" * 64, iter(twice), store, where="part")
    assert find_fragment("0" * 64, store) is None
    assert not list((store.root / "tmp").iterdir())


@pytest.mark.parametrize("path", ["/usr/a", "usr//a", "usr/./a", "usr/../a", "usr/a\n", "bin/a", "lib64/a", ""])
def test_only_canonical_paths(store: Store, path: str) -> None:
    with pytest.raises(HostileArchiveError):
        fragment(store, {path: b"1"})


def test_the_usr_links_belong_to_the_base(store: Store) -> None:
    links: Spec = {name: ("symlink", f"usr/{name}") for name in ("bin", "lib", "lib64", "sbin")}
    assert len(listing(store, layer(store, links, base=True))) == 4
    with pytest.raises(CollisionError, match="/bin"):
        layer(store, links)
    with pytest.raises(HostileArchiveError):
        fragment(store, {"bin": ("symlink", "/evil")})


def test_content_has_the_announced_size(store: Store) -> None:
    short = [(Entry(path="usr/a", kind="file", mode=0o644, size=3), lambda: (b"12",))]
    with pytest.raises(HostileArchiveError, match="2 bytes instead of 3"):
        make_fragment("0" * 64, iter(short), store, where="part")


def test_a_set_uid_bit_never_gets_in(store: Store) -> None:
    entry = Entry(path="usr/bin/su", kind="file", mode=0o4755)
    with pytest.raises(HostileArchiveError, match="4755"):
        make_fragment("0" * 64, iter([(entry, no_content)]), store, where="part")


def test_a_damaged_fragment_is_named(store: Store) -> None:
    made = fragment(store, {"usr/a": b"1" * 100_000})
    path = fragment_path(made, store)
    assert path is not None
    body = bytearray(path.read_bytes())
    body[-6] ^= 1
    path.write_bytes(body)
    with pytest.raises(DamagedFragmentError) as damaged:
        write_layer("k", "test", [made], store, base=False)
    assert damaged.value.key == made.key
    assert not (store.root / "blobs").exists()


def test_stopping_leaves_nothing(store: Store) -> None:
    made = fragment(store, {"usr/a": b"1"})
    stop = threading.Event()
    stop.set()
    with pytest.raises(CancelledError):
        write_layer("k", "test", [made], store, base=False, stop=stop)
    assert not list((store.root / "tmp").iterdir())


def test_a_part_with_only_folders_has_no_member(store: Store) -> None:
    made = fragment(store, {"srv/data": 0o755})
    assert (made.size, made.tar_size, fragment_path(made, store)) == (0, 0, None)
    assert listing(store, layer(store, {"srv/data": 0o755})) == [("srv", "5", 0o755), ("srv/data", "5", 0o755)]
