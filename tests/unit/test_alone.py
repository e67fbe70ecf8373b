"""One floe at a time in a folder: the second waits, says so once, and a killed one holds up nobody."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from floe_images.engine.alone import alone

HOLD = """
import sys, time
from pathlib import Path
from floe_images.engine.alone import alone
with alone(Path(sys.argv[1]), lambda: None):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_waits_until_the_first_is_gone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout
        assert first.stdout.readline() == "held\n"
        said: list[str] = []

        def waiting() -> None:
            said.append("waiting")
            first.send_signal(signal.SIGKILL)

        with alone(tmp_path, waiting):
            assert first.wait(10) == -signal.SIGKILL
    assert said == ["waiting"]
    with alone(tmp_path, lambda: said.append("again")):
        pass
    assert said == ["waiting"]
    assert list(tmp_path.iterdir()) == []
