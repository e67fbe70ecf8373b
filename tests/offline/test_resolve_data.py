"""Data files resolved from an index on loopback: found, unpacked in a stream, hashed; nothing is run."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from floe_images.engine.fetch.http import Http, HttpSettings
from floe_images.engine.fetch.indexes import IndexSettings
from floe_images.engine.fetch.reach import Reach
from floe_images.engine.resolve.data import resolve_data
from floe_images.engine.resolve.debian_mirrors import DebianMirrors
from floe_images.engine.resolve.uv import Upgrade
from floe_images.engine.store import Store
from floe_images.errors import FloeError, HostileArchiveError, ResolveError, TruncatedDownloadError, WrongHashError
from floe_images.lock.model import LockedData, LockedFile
from floe_images.progress import Silent
from floe_images.spec.image import DataSpec
from tests.support.mirror import Mirror

ROWS = b"a,b\n1,2\n" * 5000


def sdist(folder: Path, version: str, member: bytes = ROWS) -> Path:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv", member)
    path = folder / f"rows-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as archive_of_all:
        for name, body in (
            ("setup.py", b"raise SystemExit('setup was run')\n"),
            ("rows/data/rows.csv.zip", zipped.getvalue()),
        ):
            info = tarfile.TarInfo(f"rows-{version}/{name}")
            info.size = len(body)
            archive_of_all.addfile(info, io.BytesIO(body))
    return path


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    folder = tmp_path / "index"
    folder.mkdir()
    sdist(folder, "1.0")
    with Mirror(folders=(folder,)).serving() as found:
        yield found


def spec(package: str = "Rows", member: str = "rows/data/rows.csv.zip!rows.csv") -> DataSpec:
    return DataSpec(name="rows", package=package, member=member, place="/opt/floe/data/rows.csv")


def resolve(mirror: Mirror, one: DataSpec, **more: object) -> LockedData:
    reach = Reach(
        http=Http(HttpSettings(attempts=2, pause=0.001)),
        index=IndexSettings(index=mirror.url("simple")),
        debian=DebianMirrors(archive=(), security=()),
        certificates=(),
    )
    store = Store(mirror.folders[0].parent / "cache")
    (found,) = resolve_data([one], reach=reach, store=store, progress=Silent(), **more)  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("hashes", [True, False])
def test_the_member_is_hashed_unpacked(hashes: bool, mirror: Mirror) -> None:
    mirror.hashes = hashes
    body = (mirror.folders[0] / "rows-1.0.tar.gz").read_bytes()
    assert resolve(mirror, spec()) == LockedData(
        name="rows",
        package="rows",
        version="1.0",
        file=LockedFile(name="rows-1.0.tar.gz", size=len(body), sha256=hashlib.sha256(body).hexdigest()),
        member="rows/data/rows.csv.zip!rows.csv",
        place="/opt/floe/data/rows.csv",
        sha256=hashlib.sha256(ROWS).hexdigest(),
        size=len(ROWS),
    )
    assert [asked.path.rpartition("/")[2] for asked in mirror.asked] == ["", "rows-1.0.tar.gz"]


def test_the_version_is_kept_until_it_is_freed(mirror: Mirror) -> None:
    before = resolve(mirror, spec())
    sdist(mirror.folders[0], "1.1")
    sdist(mirror.folders[0], "2.0rc1")
    assert resolve(mirror, spec(), previous=(before,)) == before
    assert resolve(mirror, spec(), previous=(before,), upgrade=Upgrade(names=("rows",))).version == "1.1"
    assert resolve(mirror, spec(), previous=(before,), upgrade=Upgrade(everything=True)).version == "1.1"
    assert resolve(mirror, spec("rows==1.0")).version == "1.0"
    other = replace(before, package="other")
    assert resolve(mirror, spec(), previous=(other,)).version == "1.1"


def test_a_folder_serves_as_well(mirror: Mirror, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    sdist(folder, "3.0")
    assert resolve(mirror, spec(), folders=(folder,)).version == "3.0"


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (spec("nothing"), "has no file of nothing"),
        (spec("rows==9"), "has no file of rows==9"),
        (spec(member="rows/data/rows.csv"), "has no member rows/data/rows.csv"),
        (spec(member="rows/data/rows.csv.zip!other.csv"), "has no member other.csv"),
    ],
)
def test_what_is_not_there(one: DataSpec, says: str, mirror: Mirror) -> None:
    with pytest.raises(ResolveError, match=says):
        resolve(mirror, one)


@pytest.mark.parametrize(("kind", "error"), [("wrong", WrongHashError), ("truncate", TruncatedDownloadError)])
def test_a_faulty_mirror(kind: str, error: type[FloeError], mirror: Mirror) -> None:
    mirror.fault("files/", kind)
    with pytest.raises(error):
        resolve(mirror, spec())


def test_a_bomb(mirror: Mirror) -> None:
    sdist(mirror.folders[0], "1.0", bytes(80 << 20))
    with pytest.raises(HostileArchiveError, match="unpacks to more than"):
        resolve(mirror, spec())
