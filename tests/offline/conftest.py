"""The ground that proofs from outside stand on: a tiny project on a local mirror, locked once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.mirror_floe import Ground, ground, must, run_floe


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
