"""The dbt worker, which has the warehouse's credentials in its memory, leaves no core dump whoever starts it."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from pathlib import Path

from tests.support.flights import ROOT


def test_the_dbt_worker(runtime_python: Path) -> None:
    soft, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    try:
        worker = subprocess.Popen(
            [str(runtime_python), "-m", "floe_images.runtime.dbt.worker"], stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"},
        )  # fmt: skip
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, most))
    try:
        deadline = time.monotonic() + 60
        while resource.prlimit(worker.pid, resource.RLIMIT_CORE) != (0, 0):
            assert worker.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        worker.kill()
        worker.communicate()
