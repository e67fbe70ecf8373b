"""A disk that gets full during a build: one clear line, exit code 50, nothing half-written, and it goes on after."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.offline.conftest import Built
from tests.support.chaos import leftovers, small_disk
from tests.support.mirror_floe import assert_refused, copy_cache, index_digest, must, run_floe, whole

pytestmark = pytest.mark.network

# Of what a whole cache holds: full while fetching, while packing fragments, and while writing the last layers.
SHARES = [0.15, *(pytest.param(share, marks=pytest.mark.acceptance) for share in (0.45, 0.7, 0.95))]


def size_of(folder: Path) -> int:
    """Bytes of its files; what has several names there lies on the disk once."""
    found = (path.lstat() for path in folder.rglob("*"))
    return sum({status.st_ino: status.st_size for status in found if stat.S_ISREG(status.st_mode)}.values())


@pytest.mark.parametrize("share", SHARES)
def test_the_cache_is_on_a_small_disk(share: float, built: Built) -> None:
    name = f"small-cache-{share}"
    project = built.ground.project(name, lock=built.lock)
    env = built.ground.environment(name)
    cache = Path(env["FLOE_CACHE_DIR"])
    with small_disk(cache, int(size_of(built.cache) * share)) as resize:
        run = run_floe(project, env, "build")
        line = assert_refused(run, 50)
        assert "no space left" in line
        kept = [path.name for path in (cache / "tmp").iterdir()]  # begun downloads, which the next run goes on with
        assert [name for name in kept if not name.startswith("partial-")] == []
        assert leftovers(project, ("floe.yaml", "floe.lock", "transform")) == []
        resize(size_of(built.cache) * 2)
        must(run_floe(project, env, "build"))
        assert index_digest(project / ".floe/image") == built.digest


def test_the_project_is_on_a_small_disk(built: Built) -> None:
    """The layout does not fit; the one of before stays whole. The cache lies on another disk: no links."""
    name = "small-project"
    folder = built.ground.folder / name
    env = built.ground.environment(name)
    copy_cache(built.cache, Path(env["FLOE_CACHE_DIR"]), "downloads", "fragments", "blobs", "memo")
    layout = built.project / ".floe/image"
    with small_disk(folder, size_of(layout) // 2) as resize:
        project = built.ground.project(name, lock=built.lock)
        assert_refused(run_floe(project, env, "build"), 50)
        assert not (project / ".floe").exists()
        resize(int(size_of(layout) * 1.2))
        must(run_floe(project, env, "build"))
        assert (index_digest(project / ".floe/image"), whole(project / ".floe/image")) == (built.digest, [])
        (project / "transform/models/more.sql").write_text(f"-- {'x' * 100}\nselect 2 as two\n")
        changed = must(run_floe(project, env, "build"))
        digest = index_digest(project / ".floe/image")
        assert digest != built.digest, changed.stdout
        assert whole(project / ".floe/image") == []
