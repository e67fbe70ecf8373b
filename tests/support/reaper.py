"""What takes away containers, networks and volumes of tests whose process was killed: a child that outlives it.

In place of testcontainers' own, which would be another image to pull. The child hears of the end by a pipe that breaks,
so kill -9 is an end like any other. What is made for tests carries `LABEL`, or is a compose project that was named.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

LABEL = "floe.test"
_PROJECT = "com.docker.compose.project"
_KINDS = {
    "container": ("ps --all", "rm --force --volumes"),
    "network": ("network ls", "network rm"),
    "volume": ("volume ls", "volume rm --force"),
}


@dataclass(frozen=True)
class Reaper:
    """``label`` is ``NAME=VALUE``, for whatever this process makes."""

    label: str
    pipe: IO[str]

    def project(self, name: str) -> None:
        """A compose project is of this process, too."""
        self.pipe.write(f"{_PROJECT}={name}\n")
        self.pipe.flush()


@contextmanager
def reaping(env: Mapping[str, str]) -> Iterator[Reaper]:
    """``env`` is what `docker` needs to reach the engine."""
    child = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=dict(env),
        text=True,
        start_new_session=True,  # what kills the tests' process group does not kill it
    )
    assert child.stdin
    label = f"{LABEL}={os.getpid()}-{secrets.token_hex(4)}"
    child.stdin.write(f"{label}\n")
    child.stdin.flush()
    try:
        yield Reaper(label, child.stdin)
    finally:
        child.stdin.close()
        child.wait()


def _reap(labels: list[str]) -> None:
    for listing, removing in _KINDS.values():
        for label in labels:
            command = ["docker", *listing.split(), "--quiet", "--filter", f"label={label}"]
            found = subprocess.run(command, capture_output=True, text=True).stdout.split()
            if found:
                subprocess.run(["docker", *removing.split(), *found], capture_output=True)


if __name__ == "__main__":
    _reap([line.strip() for line in sys.stdin if line.strip()])
