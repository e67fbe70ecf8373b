"""Following a child process: every line, one interrupt, no child left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from floe_images.engine.processes import alive
from floe_images.engine.running import ChildProcess, follow

ROOT = Path(__file__).parents[3]
# The one who follows, in a process of its own: argument is the child's code.
FOLLOWER = """
import sys
from pathlib import Path
from floe_images.engine.running import ChildProcess, follow
child = ChildProcess([sys.executable, "-c", sys.argv[1]], env={}, folder=Path("."))
try:
    tell = lambda stream, line: print(stream, line, flush=True)
    code = follow(child, tell, interrupted=lambda: print("heard", flush=True))
    print("code", code, flush=True)
except KeyboardInterrupt:
    print("killed", flush=True)
"""
COUNTS_INTERRUPTS = """
import os, signal, sys, time
count = 0
def hear(number, frame):
    global count
    count += 1
signal.signal(signal.SIGINT, hear)
print(os.getpid(), flush=True)
while not count:
    time.sleep(0.02)
time.sleep(0.5)
print("interrupts", count, flush=True)
sys.exit(130)
"""
IGNORES_INTERRUPTS = """
import os, signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
print(os.getpid(), flush=True)
time.sleep(60)
"""
WAITS_FOR_STDIN = "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"


def start(code: str) -> tuple[subprocess.Popen[str], int]:
    """The follower in a group of its own, and the number of its child."""
    follower = subprocess.Popen(
        [sys.executable, "-c", FOLLOWER, code], stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    )
    assert follower.stdout is not None
    return follower, int(follower.stdout.readline().split()[1])


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pid)


def test_every_line_of_both_streams_is_told_and_the_exit_code_is_the_result(tmp_path: Path) -> None:
    code = "import sys; print('one'); print('two', file=sys.stderr); sys.stdout.write('three'); sys.exit(7)"
    told: list[tuple[str, str]] = []
    child = ChildProcess([sys.executable, "-c", code], env={}, folder=tmp_path)
    assert follow(child, lambda stream, line: told.append((stream, line)), interrupted=lambda: None) == 7
    assert sorted(told) == [("stderr", "two"), ("stdout", "one"), ("stdout", "three")]


def test_what_fails_while_lines_are_told_ends_the_child(tmp_path: Path) -> None:
    child = ChildProcess([sys.executable, "-c", IGNORES_INTERRUPTS], env={}, folder=tmp_path)
    pids: list[int] = []

    def tell(stream: str, line: str) -> None:
        pids.append(int(line))
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        follow(child, tell, interrupted=lambda: None)
    assert gone(pids[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_of_the_whole_group_reaches_the_child_once_and_its_end_is_waited_for(number: int) -> None:
    follower, child = start(COUNTS_INTERRUPTS)
    os.killpg(follower.pid, number)
    out, _ = follower.communicate(timeout=20)
    assert out.splitlines() == ["heard", "stdout interrupts 1", "code 130"]
    assert not alive(child)


def test_the_second_interrupt_kills() -> None:
    follower, child = start(IGNORES_INTERRUPTS)
    os.kill(follower.pid, signal.SIGINT)
    assert follower.stdout is not None
    assert follower.stdout.readline() == "heard\n"
    os.kill(follower.pid, signal.SIGINT)
    out, _ = follower.communicate(timeout=20)
    assert out.splitlines() == ["killed"]
    assert gone(child)


FLOODS = """
import os, signal, sys
signal.signal(signal.SIGINT, lambda number, frame: sys.exit(130))
print(os.getpid(), flush=True)
while True:
    print("x" * 50)
"""


def test_an_interrupt_does_not_wait_for_what_is_still_to_be_told() -> None:
    follower, child = start(FLOODS)
    assert follower.stdout is not None
    follower.stdout.readline()
    os.kill(follower.pid, signal.SIGINT)
    told = follower.communicate(timeout=60)[0].splitlines()
    assert "heard" in told
    assert told[-1] == "code 130"
    assert gone(child)


def test_who_ignores_a_signal_goes_on_ignoring_it() -> None:
    """As under nohup(1)."""
    quick = "import os, time; print(os.getpid(), flush=True); time.sleep(1)"
    code = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n{FOLLOWER}"
    follower = subprocess.Popen(
        [sys.executable, "-c", code, quick], stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    )
    assert follower.stdout is not None
    follower.stdout.readline()
    os.kill(follower.pid, signal.SIGHUP)
    assert follower.communicate(timeout=20)[0] == "code 0\n"


def test_a_child_whose_parent_was_killed_sees_the_end_of_its_stdin() -> None:
    follower, child = start(WAITS_FOR_STDIN)
    follower.kill()
    follower.communicate(timeout=20)
    assert gone(child)
