"""Process 1: signals reach the role, orphans are buried, and the exit code is the role's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

START = """
import os, signal, subprocess, sys, time
from floe_images.runtime.init import become_init
me = os.getpid()
os.getpid = lambda: 1  # what process 1 of a container sees
become_init()
"""


def _start(role: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", START + role], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("role", "code"), [("sys.exit(0)", 0), ("sys.exit(61)", 61), ("signal.raise_signal(signal.SIGKILL)", 137)]
)
def test_the_exit_code_is_the_role_s(role: str, code: int) -> None:
    assert _start(role).wait(20) == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_role(number: signal.Signals) -> None:
    role = f"""
signal.signal({int(number)}, lambda *_: sys.exit(7))
print("ready", flush=True)
time.sleep(60)
"""
    init = _start(role)
    assert init.stdout
    assert init.stdout.readline() == "ready\n"
    init.send_signal(number)
    assert init.wait(20) == 7


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks into /proc")
def test_orphans_are_buried(tmp_path: Path) -> None:
    """A grandchild whose parent is gone and that has ended is no zombie, and its end does not end the container."""
    role = """
import ctypes
first = os.fork()
if not first:
    if not os.fork():
        print(int(open("/proc/self/stat").read().split()[0]), flush=True)
        time.sleep(0.3)
        os._exit(3)
    os._exit(0)
os.waitpid(first, 0)
time.sleep(2)
"""
    # Only process 1, or a "subreaper" (prctl 36), is given orphans.
    reaper = "import ctypes; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n"
    init = subprocess.Popen([sys.executable, "-c", reaper + START + role], stdout=subprocess.PIPE, text=True)
    assert init.stdout
    orphan = int(init.stdout.readline())
    deadline = time.monotonic() + 10
    while Path(f"/proc/{orphan}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{orphan}").exists()
    assert init.poll() is None
    assert init.wait(20) == 0


def test_any_other_process_stays_what_it_is() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import os\nfrom floe_images.runtime.init import become_init\n"
         "before = os.getpid()\nbecome_init()\nassert os.getpid() == before"], check=False)  # fmt: skip
    assert done.returncode == 0
    assert os.getpid() != 1
