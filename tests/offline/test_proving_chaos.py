"""The killing harness itself, on small programs: it hits the phase, sees orphans, and its disk gets full."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.support.chaos import delays, kill_in_phase, leftovers, small_disk, watch

STEADY = """
import sys, time
for name in ("fetch", "write"):
    print("phase", name, file=sys.stderr, flush=True)
    time.sleep({})
"""
PARENT = """
import subprocess, sys, time
child = "import sys, time; {}"
subprocess.Popen([sys.executable, "-c", child], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
print("phase fetch", file=sys.stderr, flush=True)
time.sleep(20)
"""


def test_phases_are_timed() -> None:
    run = watch([sys.executable, "-c", STEADY.format(0.2) + "print('done')"])
    assert (run.code, run.stdout, [name for name, _ in run.phases]) == (0, "done\n", ["fetch", "write"])
    begun, ended = run.window("fetch")
    assert 0.15 < ended - begun < 2
    assert all(0 <= delay <= ended - begun for delay in delays(run, "fetch", 20, seed=1))


def test_a_kill_hits_its_phase() -> None:
    kill = kill_in_phase([sys.executable, "-c", STEADY.format(5)], "fetch", 0.1)
    assert (kill.hit, kill.orphans, kill.told) == (True, (), "phase fetch\n")


def test_a_kill_after_the_end_is_no_hit() -> None:
    assert not kill_in_phase([sys.executable, "-c", STEADY.format(0)], "write", 2).hit


def test_children_that_stay_are_orphans_and_are_ended() -> None:
    kill = kill_in_phase([sys.executable, "-c", PARENT.format("time.sleep(30)")], "fetch", 0.1, victim="parent")
    assert kill.hit
    assert len(kill.orphans) == 1
    assert "time.sleep(30)" in kill.orphans[0]


def test_children_that_end_with_their_parent_are_none() -> None:
    kill = kill_in_phase([sys.executable, "-c", PARENT.format("sys.stdin.read()")], "fetch", 0.1, victim="parent")
    assert (kill.hit, kill.orphans) == (True, ())


def test_a_hanging_command_is_ended() -> None:
    begun = time.monotonic()
    assert watch([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.5).code == -9
    assert time.monotonic() - begun < 10


def test_a_small_disk_gets_full_and_grows(tmp_path: Path) -> None:
    code = f"open('{tmp_path}/disk/file', 'wb').write(bytes(200_000))"
    with small_disk(tmp_path / "disk", 65536) as resize:
        assert "No space left" in watch([sys.executable, "-c", code]).stderr
        resize(1 << 20)
        assert watch([sys.executable, "-c", code]).code == 0
        assert leftovers(tmp_path, ["disk/other"]) == ["disk", "disk/file"]
    assert leftovers(tmp_path, ["disk"]) == []
