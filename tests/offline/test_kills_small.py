"""One kill −9 in some phases; the long version, in each, is tests/acceptance/test_kills.py."""

from __future__ import annotations

import pytest

from tests.offline.conftest import Built
from tests.support.chaos import PHASES
from tests.support.chaos_build import Killing

pytestmark = pytest.mark.network


# By turns the whole group and the parent alone, as the phase's place has it.
@pytest.mark.parametrize("phase", ["resolve", "bytecode", "write"])
def test_the_next_run_gives_what_it_always_gives(phase: str, built: Built) -> None:
    killing = Killing(ground=built.ground, lock=built.lock, digest=built.digest, full=built.cache, timed=built.run)
    killing.kill(phase, count=1, seed=3, victims=["group" if PHASES.index(phase) % 2 else "parent"])
    assert killing.counts == {phase: 1}
