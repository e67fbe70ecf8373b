"""Container engines for tests: the project's private one on either image store, or FLOE_TEST_DOCKER_HOST's.

There is no skipping: where no engine can be had, the tests that need one fail and say why.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from floe_images.engine.docker.connect import Engine, connect
from tests.support.reaper import Reaper, reaping

SCRIPT = Path(__file__).parents[2] / "scripts" / "engine" / "engine.py"
STORES = ("classic", "containerd")


@dataclass(frozen=True)
class TestEngine:
    """``env`` is what a `docker` command needs to reach it; ``variant`` the store that was asked for."""

    __test__ = False

    variant: str
    api: Engine
    env: dict[str, str] = field(repr=False)
    reaper: Reaper = field(repr=False)

    def docker(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the `docker` command against this engine; containers that it makes go with this process at the latest."""
        if arguments[0] in ("run", "create"):
            arguments = (arguments[0], "--label", self.reaper.label, *arguments[1:])
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, env=self.env)
        if check and done.returncode != 0:
            raise AssertionError(f"docker {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def files(self, reference: str) -> set[str]:
        """The paths of the image's file tree, by `docker export`, without folders' slashes."""
        container = self.docker("create", reference, "none").stdout.strip()
        command = ["sh", "-c", f"docker export {container} | tar t"]
        try:
            listed = subprocess.run(command, capture_output=True, text=True, env=self.env, check=True).stdout
        finally:
            self.docker("rm", container)
        return {path.rstrip("/") for path in listed.splitlines()}


@contextmanager
def engine(variant: str) -> Iterator[TestEngine]:
    """The engine with ``variant``'s store, held while the block runs; AssertionError where none can be had."""
    host = os.environ.get("FLOE_TEST_DOCKER_HOST")
    held = not host
    if host:
        found = {"DOCKER_HOST": host}
    else:
        done = subprocess.run(
            [sys.executable, str(SCRIPT), "up", variant, "--json", "--for", str(os.getpid())],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"no engine for tests: {done.stderr.strip()}"
        found = json.loads(done.stdout)
    try:
        env = {**os.environ, **found}
        with connect(found["DOCKER_HOST"]) as api, reaping(env) as reaper:
            yield TestEngine(variant, api, env, reaper)
    finally:
        if held:
            subprocess.run([sys.executable, str(SCRIPT), "release", "--for", str(os.getpid())], capture_output=True)


def wanted_stores() -> tuple[str, ...]:
    """Both stores of the private engine; of a given engine, the one that it has."""
    host = os.environ.get("FLOE_TEST_DOCKER_HOST")
    if not host:
        return STORES
    with connect(host) as api:
        return (api.store,)
