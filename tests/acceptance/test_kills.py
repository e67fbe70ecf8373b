"""Kill −9 at 50 random moments of `floe lock` and `floe build`, at least five in each phase; prints the hits."""

from __future__ import annotations

import os
import sys

import pytest

from tests.offline.conftest import Built
from tests.support.chaos import PHASES
from tests.support.chaos_build import Killing

pytestmark = [pytest.mark.acceptance, pytest.mark.network, pytest.mark.timeout(5400)]

COUNTS = {"resolve": 8, "fetch": 8, "unpack": 7, "bytecode": 7, "manifest": 6, "compress": 7, "write": 7}


def test_fifty_kills(built: Built) -> None:
    seed = int(os.environ.get("FLOE_TEST_SEED", "2013"))
    killing = Killing(ground=built.ground, lock=built.lock, digest=built.digest, full=built.cache, timed=built.run)
    for phase in PHASES:
        killing.kill(phase, count=COUNTS[phase], seed=seed)
        print(f"{phase}: {killing.counts[phase]} kills hit, seed {seed}", file=sys.stderr)
    assert sum(killing.counts.values()) == 50
    assert min(killing.counts[phase] for phase in PHASES) >= 5
