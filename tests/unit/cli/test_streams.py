"""The real process with a stdout or a stderr that is full or closed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from floe_images.cli.console import TextConsole
from floe_images.cli.streams import result_error
from floe_images.errors import DiskError, DiskFullError

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux'")

FULL = "error: stdout: the result cannot be written: no space left on the device\nhint: send it somewhere else\n"
CLOSED = "error: stdout: it is closed, so the result cannot be shown\nhint: leave out `>&-`\n"


@pytest.mark.parametrize(
    ("line", "code", "out", "err"),
    [
        ("schema >/dev/full", 50, "", FULL),
        ("--help >/dev/full", 50, "", FULL),
        ("schema >&-", 51, "", CLOSED),
        ("--version >&-", 51, "", CLOSED),
        ("schema >&- 2>&-", 51, "", ""),
        ("bogus 2>/dev/full", 2, "", ""),
        ("bogus 2>&-", 2, "", ""),
        ("bogus <&- >&- 2>&-", 2, "", ""),
    ],
)
def test_no_stream_is_a_bug(line: str, code: int, out: str, err: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m floe_images {line}', sys.executable], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, out, err)


def test_talk_that_nobody_can_hear_does_not_stop_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    full = open("/dev/full", "w", encoding="utf-8")  # noqa: SIM115  what it holds cannot be flushed at its end
    console = TextConsole(err=full)
    console.phase("fetch")
    console.note("one")
    console.error("two", "three")
    console.result("four")
    assert capsys.readouterr() == ("four\n", "")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, full.fileno())
    os.close(nowhere)
    full.close()


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, DiskFullError), (errno.EIO, DiskError), (errno.EBADF, DiskError)]
)
def test_what_is_said_of_stdout(number: int, kind: type[Exception]) -> None:
    found = result_error(OSError(number, "reason"))
    assert type(found) is kind
    assert found.where == "stdout"
