"""A data file is what the lock says, or it does not get into an image."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from floe_images.engine.assemble.data_part import data_entries
from floe_images.errors import WrongHashError
from floe_images.lock.model import LockedData, LockedFile
from tests.support.wheels import unpacked

ROWS = b"a,b\n" + b"1,2\n" * 100


def _locked(folder: Path) -> tuple[LockedData, Path]:
    path = folder / "pkg-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("pkg-1.0/data/rows.csv")
        member.size = len(ROWS)
        archive.addfile(member, io.BytesIO(ROWS))
    packed = path.read_bytes()
    file = LockedFile(name=path.name, size=len(packed), sha256=hashlib.sha256(packed).hexdigest())
    data = LockedData(
        name="rows", package="pkg", version="1.0", file=file, member="data/rows.csv", place="/opt/floe/data/rows.csv",
        sha256=hashlib.sha256(ROWS).hexdigest(), size=len(ROWS),
    )  # fmt: skip
    return data, path


def test_the_member_lies_at_its_place(tmp_path: Path) -> None:
    data, path = _locked(tmp_path)
    found = unpacked(data_entries(data, place="opt/floe/data/rows.csv", path=path))
    assert list(found) == ["opt/floe/data/rows.csv"]
    entry, content = found["opt/floe/data/rows.csv"]
    assert (entry.mode, entry.size, content) == (0o644, 404, ROWS)


@pytest.mark.parametrize("lie", [{"sha256": "0" * 64}, {"size": 403}, {"size": 405}])
def test_another_content_or_size_is_refused(tmp_path: Path, lie: dict[str, object]) -> None:
    data, path = _locked(tmp_path)
    with pytest.raises(WrongHashError, match=r"^pkg 1\.0: data/rows\.csv is not what floe\.lock says$"):
        unpacked(data_entries(replace(data, **lie), place="x", path=path))  # type: ignore[arg-type]
