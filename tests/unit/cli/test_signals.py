"""SIGTERM and SIGHUP end a command line as Ctrl-C does: what was begun is taken back."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

CODE = """
import time
import click
from floe_images.cli import main

@click.command()
@click.argument("seconds", type=float)
def command(seconds):
    try:
        print("begun", flush=True)
        time.sleep(seconds)
        print("done")
    finally:
        print("taken back")

main._Verbs.get_command = lambda self, ctx, name: command
main.main()
"""


def start(seconds: float, *before: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*before, sys.executable, "-c", CODE, "doctor", str(seconds)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_was_begun_is_taken_back(number: int) -> None:
    process = start(60)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "taken back\n", "\nerror: interrupted\n")


def test_nohup_is_respected() -> None:
    process = start(1, "nohup")
    process.send_signal(signal.SIGHUP)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "done\ntaken back\n", "")
