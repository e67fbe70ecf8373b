"""What telemetry costs, held against the goals: calls, and whole runs in pairs with and without endpoints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.acceptance
def test_telemetry_costs_what_the_goals_allow(runtime_python: Path) -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "telemetry.py"
    done = subprocess.run(
        [sys.executable, script, "--runs", "7", "--check"],
        capture_output=True,
        text=True,
        env={**os.environ, "FLOE_TEST_RUNTIME": str(runtime_python)},
    )
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-2000:]}"
