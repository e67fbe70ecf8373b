"""The flights example behind a private mirror and with no network at all: lock and digest are those from outside.

What tests/offline/test_private_build.py has for a tiny project, here for both platforms of the real one. The mirror
records what this machine's indexes have; the first run downloads some hundred megabytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from floe_images.engine.store import default_store
from tests.offline.test_private_build import private_in
from tests.offline.test_private_lock import HOST, PASSWORD, USER, secrets_in
from tests.support.mirror import Mirror
from tests.support.mirror_floe import (
    copy_cache,
    guarded_mirrors,
    index_digest,
    must,
    plain_mirrors,
    run_floe,
    whole,
)
from tests.support.mirror_tiny import ROOT, clean_environment, floe
from tests.support.mirror_tls import Tls, make_tls
from tests.support.mirror_upstream import Recorded, default_cache
from tests.support.netns import Island, island, run_without_network

pytestmark = [pytest.mark.acceptance, pytest.mark.network, pytest.mark.timeout(5400)]


@dataclass(frozen=True, kw_only=True)
class Outside:
    """What the example gives where every mirror can be reached, with this user's cache."""

    content: Recorded
    lock: bytes
    digest: str


@dataclass(frozen=True, kw_only=True)
class Private:
    """A build on an island, and who was asked meanwhile. ``said`` is all that it printed, with -v."""

    project: Path
    cache: Path
    said: str
    tls: Tls
    mirror: Mirror
    land: Island


def example(folder: Path, mirrors: str) -> Path:
    """The example on these mirrors (a YAML flow mapping)."""
    kept = shutil.ignore_patterns(".floe", "floe.lock", "target", "logs")
    project = Path(shutil.copytree(ROOT / "examples/flights", folder, ignore=kept))
    spec = (project / "floe.yaml").read_text()
    assert spec.count("\nimage:\n") == 1
    (project / "floe.yaml").write_text(spec.replace("\nimage:\n", f"\nimage:\n  mirrors: {mirrors}\n"))
    return project


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    folder = tmp_path_factory.mktemp("outside")
    content = Recorded(folder=default_cache(), record=True)
    with Mirror(content=content).serving() as mirror:
        project = example(folder / "flights", plain_mirrors(mirror))
        env = clean_environment(folder / "home", FLOE_CACHE_DIR=str(default_store().root))
        must(run_floe(project, env, "build", timeout=3600))
        lock, digest = (project / "floe.lock").read_bytes(), index_digest(project / ".floe/image")
        yield Outside(content=content, lock=lock, digest=digest)


@pytest.fixture(scope="module")
def private(outside: Outside, tmp_path_factory: pytest.TempPathFactory) -> Private:
    """`floe build` on an island, with an empty cache and without a lock."""
    folder = tmp_path_factory.mktemp("island")
    tls = make_tls(folder / "tls", HOST)
    mirror = Mirror(content=outside.content, user=(USER, PASSWORD), tls=tls, host=HOST)
    with island(HOST) as land, mirror.serving(land.listen()):
        project = example(folder / "flights", guarded_mirrors(mirror, "corp-ca.pem"))
        (project / "corp-ca.pem").write_bytes(tls.authority.read_bytes())
        env = clean_environment(folder / "home", MIRROR_PASSWORD=PASSWORD)
        done = land.run(floe("-v", "build"), cwd=project, env=env, timeout=3600)
    assert done.returncode == 0, done.stderr[-4000:]
    cache = Path(env["FLOE_CACHE_DIR"])
    return Private(project=project, cache=cache, said=done.stdout + done.stderr, tls=tls, mirror=mirror, land=land)


def test_lock_and_build_on_an_island(outside: Outside, private: Private) -> None:
    layout = private.project / ".floe/image"
    assert (private.project / "floe.lock").read_bytes() == outside.lock
    assert index_digest(layout) == outside.digest
    assert whole(layout) == []
    assert (private.land.packets, private.land.questions) == ([], [])
    answered = [asked for asked in private.mirror.asked if asked.status == 200]
    assert {asked.user for asked in answered} == {USER}
    assert len([asked for asked in answered if asked.path.endswith((".whl", ".deb"))]) > 150  # nothing was there before
    assert secrets_in((private.project / "floe.lock").read_text() + private.said, private.tls) == []
    assert secrets_in((layout / "index.json").read_text(), private.tls) == []
    assert private_in(layout, private.tls) == []
    assert list((private.cache / "tmp").iterdir()) == []


KINDS = [("downloads",), ("downloads", "fragments", "blobs", "memo", "trees")]


@pytest.mark.parametrize("kinds", KINDS, ids=["downloads only", "full cache"])
def test_frozen_without_any_route(kinds: tuple[str, ...], outside: Outside, private: Private, tmp_path: Path) -> None:
    project = example(tmp_path / "flights", plain_mirrors(Mirror(host=HOST)))
    (project / "floe.lock").write_bytes(outside.lock)
    env = clean_environment(tmp_path / "home")
    copy_cache(private.cache, Path(env["FLOE_CACHE_DIR"]), *kinds)
    done = run_without_network(floe("build", "--frozen"), cwd=project, env=env, timeout=3600)
    assert done.returncode == 0, done.stderr[-4000:]
    assert index_digest(project / ".floe/image") == outside.digest
    assert whole(project / ".floe/image") == []
