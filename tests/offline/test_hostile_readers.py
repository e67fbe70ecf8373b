"""Every hostile archive, given straight to the readers: refused, in one line that names the package."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from floe_images.engine.assemble.deb import deb_entries
from floe_images.engine.assemble.wheel_zip import WheelZip
from floe_images.errors import HostileArchiveError
from floe_images.lock.model import LockedDeb, LockedFile
from floe_images.plan.model import DebPart
from tests.support import hostile


@pytest.mark.parametrize("case", hostile.wheels())
def test_a_hostile_wheel_is_refused(case: str, tmp_path: Path) -> None:
    path = hostile.wheels()[case](tmp_path)
    with pytest.raises(HostileArchiveError) as refused:
        read_wheel(path)
    assert str(refused.value).startswith("hostile 1.0: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("case", hostile.debs())
def test_a_hostile_deb_is_refused(case: str, tmp_path: Path) -> None:
    path = hostile.debs()[case](tmp_path)
    with pytest.raises(HostileArchiveError) as refused:
        read_deb(path)
    assert str(refused.value).startswith("hostile-deb 1.0: ")
    assert "\n" not in str(refused.value)


def read_wheel(path: Path) -> None:
    with WheelZip(path, "hostile 1.0") as wheel:
        for member in wheel.members.values():
            for _ in wheel.stream(member):
                pass


def read_deb(path: Path) -> None:
    for _, content in deb_entries(path, DebPart(deb=locked(path))):
        for _ in content():
            pass


def locked(path: Path) -> LockedDeb:
    body = path.read_bytes()
    file = LockedFile(name=path.name, size=len(body), sha256=hashlib.sha256(body).hexdigest())
    pool = f"pool/main/h/{hostile.DEB_NAME}/{path.name}"
    name = hostile.DEB_NAME
    return LockedDeb(name=name, version="1.0", architecture="all", archive="debian", pool=pool, source=name, file=file)
