"""Hostile archives through the whole of `floe build`: the lock has their right hash, the mirror serves them, and still
the build stops with one clear line and exit code 30, and writes nothing."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from floe_images.lock.codec import read_lock, write_lock
from floe_images.lock.model import Lock, LockedFile, LockedWheel
from tests.offline.conftest import Built
from tests.offline.test_hostile_readers import locked as locked_deb
from tests.support import hostile
from tests.support.chaos import leftovers
from tests.support.mirror import Mirror
from tests.support.mirror_floe import assert_refused, copy_cache, index_digest, must, plain_mirrors, run_floe

pytestmark = pytest.mark.network

QUICK = ("wheel traversal", "wheel bomb", "deb link-then-through", "deb character-device")
CASES = [
    pytest.param(kind, case, marks=[] if f"{kind} {case}" in QUICK else pytest.mark.acceptance, id=f"{kind} {case}")
    for kind, cases in (("wheel", hostile.wheels()), ("deb", hostile.debs()))
    for case in cases
]


@pytest.fixture(scope="module")
def shared_cache(built: Built) -> Path:
    """One cache for all cases: what is honest is fetched and packed already, and stays what it was."""
    return copy_cache(built.cache, built.ground.folder / "hostile-cache", "downloads", "fragments", "blobs", "memo")


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_refused_in_one_line(kind: str, case: str, built: Built, shared_cache: Path, tmp_path: Path) -> None:
    maker = (hostile.wheels() if kind == "wheel" else hostile.debs())[case]
    path = maker(tmp_path)
    with Mirror(content=built.ground.mirror.content, folders=(built.ground.index,)).serving() as mirror:
        honest = read_lock(built.lock, "floe.lock")
        lock = with_wheel(honest, path) if kind == "wheel" else with_deb(honest, path)
        if kind == "wheel":
            mirror.folders += (tmp_path,)
        else:
            mirror.pool[f"debian/pool/main/h/{hostile.DEB_NAME}/{path.name}"] = path
        name = f"hostile-{kind}-{case}"
        project = built.ground.project(name, mirrors=plain_mirrors(mirror), lock=write_lock(lock))
        env = {**built.ground.environment(name), "FLOE_CACHE_DIR": str(shared_cache)}
        run = run_floe(project, env, "build")
        assert [asked.status for asked in mirror.asked if asked.path.endswith(path.name)] == [200]
        line = assert_refused(run, 30)
        assert hostile.WHEEL_NAME in line
        assert leftovers(project, ("floe.yaml", "floe.lock", "transform")) == []
        assert [path.name for path in (shared_cache / "tmp").iterdir()] == []
        (project / "floe.lock").write_bytes(built.lock)
        must(run_floe(project, env, "build"))
        assert index_digest(project / ".floe/image") == built.digest


def with_wheel(lock: Lock, path: Path) -> Lock:
    body = path.read_bytes()
    file = LockedFile(name=path.name, size=len(body), sha256=hashlib.sha256(body).hexdigest())
    wheel = LockedWheel(name=hostile.WHEEL_NAME, version="1.0", files=((None, file),))
    return replace(lock, wheels=(*lock.wheels, wheel))


def with_deb(lock: Lock, path: Path) -> Lock:
    deb = locked_deb(path)
    return replace(lock, debian=tuple((platform, (*debs, deb)) for platform, debs in lock.debian))
