"""`make test` where no engine can be had: what was not run is named, and the exit code says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="root is given up in a user namespace")
def test_what_was_not_run_is_named() -> None:
    env = {name: value for name, value in os.environ.items() if name != "FLOE_TEST_DOCKER_HOST"}
    # A namespace without a map of users has no root, and still reads what root owns.
    nobody = ["unshare", "--user"] if os.geteuid() == 0 else []
    command = [*nobody, "bash", "scripts/test.sh", "acceptance"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "")
    first, *named = done.stderr.splitlines()
    assert first.startswith("NOT RUN, since a private engine ")
    assert first.endswith(", and FLOE_TEST_DOCKER_HOST names no engine:")
    folders = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("test_*.py")}
    assert {line.strip() for line in named} == {f"tests/{name}/" for name in folders - {"unit"}}
    assert len(named) >= 4
