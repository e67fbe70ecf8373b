"""Several `floe build` of one project at the same time: each succeeds, and what is there afterwards is whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.offline.conftest import Built
from tests.support.mirror_floe import copy_cache, must, run_floe, whole

pytestmark = pytest.mark.network


@pytest.mark.acceptance
def test_builds_of_one_project_at_once(built: Built) -> None:
    project = built.ground.project("at-once", lock=built.lock)
    env = built.ground.environment("at-once")
    copy_cache(built.cache, Path(env["FLOE_CACHE_DIR"]), *(path.name for path in built.cache.iterdir()))
    orders = (
        ("build", "--frozen", "--platform", "linux/amd64", "--output", "out"),
        ("build", "--frozen", "--platform", "linux/arm64"),
        ("build", "--frozen", "--output", "out"),
    )
    for _ in range(4):
        with ThreadPoolExecutor(len(orders)) as pool:
            for run in pool.map(lambda order: run_floe(project, env, *order), orders):
                must(run)
        assert whole(project / ".floe/image") == []
        assert len(list((project / "out").iterdir())) == 2
