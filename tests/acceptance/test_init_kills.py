"""Kill −9 of the real `floe init --example flights` at random moments; tests/unit/cli has each file operation."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support.mirror_tiny import clean_environment, floe

pytestmark = pytest.mark.acceptance

KILLS = 30


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def whole_run(command: list[str], place: Path, env: dict[str, str]) -> float:
    """Its seconds."""
    begun = time.monotonic()
    subprocess.run(command, cwd=place, env=env, check=True, capture_output=True)
    return time.monotonic() - begun


@pytest.mark.parametrize("there", [False, True], ids=["new folder", "folder that is there"])
def test_old_or_new_and_a_second_run_succeeds(there: bool, tmp_path: Path) -> None:
    env = clean_environment(tmp_path / "home")
    command = floe("init", "--example", "flights", "--folder", "flights")
    place = tmp_path / "undisturbed"
    place.mkdir()
    seconds = whole_run(command, place, env)
    whole = contents(place / "flights")
    dice = random.Random(int(os.environ.get("FLOE_TEST_SEED", "2013")))
    states: Counter[str] = Counter()
    for number in range(KILLS):
        place = tmp_path / str(number)
        (place / "flights" if there else place).mkdir(parents=True)
        process = subprocess.Popen(command, cwd=place, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(0.5 * seconds, 1.1 * seconds))  # what is before is Python's start
        process.kill()
        process.wait()
        left = contents(place / "flights")
        left = {name: data for name, data in left.items() if not name.startswith(".floe-init.")}
        assert left.items() <= whole.items()
        assert ("floe.yaml" in left) == (left == whole)
        assert there or left in ({}, whole)
        states["whole" if left == whole else "partly" if left else "nothing"] += 1
        seconds = whole_run(command, place, env)  # as busy as the machine is now
        assert contents(place / "flights") == whole
        assert list(place.iterdir()) == [place / "flights"]
    print(dict(states))
    assert states["nothing"] > 0
    assert states["whole"] > 0
