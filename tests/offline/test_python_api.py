"""The example of docs/reference/python-api.md, run as it stands there: what the command makes of the same."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.offline.conftest import Built
from tests.support.mirror_floe import index_digest
from tests.support.mirror_tiny import ROOT

PAGE = ROOT / "docs" / "reference" / "python-api.md"


@pytest.mark.network
def test_the_example_locks_plans_and_builds(built: Built) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    project = built.ground.project("scripted", lock=built.lock)
    env = built.ground.environment("built")
    done = subprocess.run([sys.executable, "-c", example], cwd=project, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    *layers, last = done.stdout.splitlines()
    assert layers[:2] == ["system", "python"]
    assert "project" in layers
    assert last == f"registry.example.internal/tests/tiny:latest {built.digest}"
    assert index_digest(project / ".floe" / "image") == built.digest
    assert (project / "floe.lock").read_bytes() == built.lock
    archives = sorted(path.name for path in (project / "archives").iterdir())
    assert archives == ["tiny_latest_linux-amd64.tar", "tiny_latest_linux-arm64.tar"]
