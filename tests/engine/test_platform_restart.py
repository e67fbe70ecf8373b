"""The engine goes away under the platform, as when its machine loses power and as when it is stopped: `floe up` brings
all of it back, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from floe_images.engine.docker.connect import connect
from tests.engine.test_platform_kills import end_of, history, tables, wait_until_made
from tests.support.engine import SCRIPT, TestEngine
from tests.support.platforms import SLOW, Platform, platform_in
from tests.support.reaper import reaping

pytestmark = [pytest.mark.engine, pytest.mark.acceptance]
_RUN = Path("/run/floe-engine/spare")


def _up() -> dict[str, str]:
    command = [sys.executable, str(SCRIPT), "up", "spare", "--json", "--for", str(os.getpid())]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"no engine that may be killed: {done.stderr.strip()}"
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def spare() -> Iterator[TestEngine]:
    """A private engine that nobody else uses."""
    env = {**os.environ, **_up()}
    try:
        with connect(env["DOCKER_HOST"]) as api, reaping(env) as reaper:
            yield TestEngine("spare", api, env, reaper)
    finally:
        subprocess.run([sys.executable, str(SCRIPT), "release", "--for", str(os.getpid())], capture_output=True)


@pytest.fixture(scope="module")
def platform(spare: TestEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform_in(spare, tmp_path_factory.mktemp("restart") / "project", "platform-restart") as found:
        yield found


def _children(process: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=["power", "stop"])
def test_the_engine_goes_away_in_the_middle_of_a_run(platform: Platform, end: int) -> None:
    platform.run("lake", "--select", "begun", "carriers_seen", "stg_flights")
    had, past = tables(platform), history(platform)
    ui = platform.ui()
    run = ui.launch(*SLOW, location=platform.name)
    wait_until_made(ui, run, "begun")

    first = int((_RUN / "pid").read_text().split()[0])
    # The first process of the engine's namespaces takes everything with it; dockerd itself ends its containers first.
    os.kill(first if end == signal.SIGKILL else _children(_children(first)[0])[0], end)
    deadline = time.monotonic() + 120
    while Path(f"/proc/{first}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    _up()
    platform.up()

    ended = end_of(platform.ui(), run)
    # Stopped in order, the code server cancels what it runs.
    assert ended == "FAILURE" if end == signal.SIGKILL else ended in ("FAILURE", "CANCELED")
    now = history(platform)
    assert {each: now.get(each) for each in past} == past
    kept = tables(platform)
    assert kept.keys() >= had.keys()
    for table, then in had.items():
        assert kept[table]["snapshots"][: len(then["snapshots"])] == then["snapshots"], table
        if table.rpartition(".")[2] not in SLOW:
            assert kept[table] == then
    assert platform.run("lake", "--select", "begun").returncode == 0
    assert "everything is up, as floe.yaml has it" in platform.up().stderr
