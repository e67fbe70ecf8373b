"""The ground that proofs from outside stand on: a tiny project on a local mirror, locked once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.chaos import Run
from tests.support.mirror_floe import Ground, ground, index_digest, must, run_floe


@dataclass(frozen=True, kw_only=True)
class Locked:
    ground: Ground
    lock: bytes


@pytest.fixture(scope="session")
def tiny_ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with ground(tmp_path_factory.mktemp("ground")) as found:
        yield found


@pytest.fixture(scope="session")
def locked(tiny_ground: Ground) -> Locked:
    """The tiny project's lock, made outside of any namespace."""
    project = tiny_ground.project("locked")
    must(run_floe(project, tiny_ground.environment("locked"), "lock"))
    return Locked(ground=tiny_ground, lock=(project / "floe.lock").read_bytes())


@dataclass(frozen=True, kw_only=True)
class Built:
    """The tiny project, locked and built outside of any namespace with an empty cache."""

    ground: Ground
    lock: bytes
    project: Path
    cache: Path  # everything that the build fetched and made
    digest: str
    run: Run


@pytest.fixture(scope="session")
def built(locked: Locked) -> Built:
    project = locked.ground.project("built", lock=locked.lock)
    env = locked.ground.environment("built")
    run = must(run_floe(project, env, "build", "--locked"))
    cache, digest = Path(env["FLOE_CACHE_DIR"]), index_digest(project / ".floe/image")
    return Built(ground=locked.ground, lock=locked.lock, project=project, cache=cache, digest=digest, run=run)
