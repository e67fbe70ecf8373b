"""No core dumps: the limit is nothing, and stays so in what is started; nothing happens without such limits."""

from __future__ import annotations

import subprocess
import sys

import pytest

from floe_images.runtime.cores import forbid_core_dumps
from tests.support.flights import ROOT

# As much as may be had, so that there is something to take away.
_LIMITS = """
import resource, subprocess, sys
most = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (most, most))
sys.argv[1:] = {arguments!r}
{call}
"""
_TOLD = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"


def limits(call: str, *arguments: str) -> str:
    program = _LIMITS.format(call=call, arguments=list(arguments))
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()[-1]


def test_a_process_and_its_children() -> None:
    call = "from floe_images.runtime.cores import forbid_core_dumps as call; call()\n"
    assert limits(call + _TOLD) == "(0, 0)"
    assert limits(f"{call}subprocess.run([sys.executable, '-c', {_TOLD!r}])") == "(0, 0)"


def test_the_runtime_s_entry() -> None:
    call = "from floe_images.runtime.main import main\ntry: main()\nexcept SystemExit: pass\n"
    assert limits(call + _TOLD, "--version") == "(0, 0)"


def test_where_there_are_no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    forbid_core_dumps()
