"""What a machine does to `floe up`, on a real engine: a port that is taken, too little memory, a wrong clock. One line
and a way out each, and once it is mended `floe up` goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engine import TestEngine
from tests.support.flights import BuiltProject, copy_project, floe
from tests.support.outside import faketime
from tests.support.roles import free_port

NAME = "up-faults"
CLASSIC = pytest.mark.parametrize("engine", ["classic"], indirect=True)
SMALL = """\
services: {{postgres: {{memory: {memory}}}}}
orchestration:
  metadata: {{type: postgres, host: postgres, user: dagster, password: {{secret: dagster}}, database: dagster}}
"""


@pytest.fixture
def env(engine: TestEngine) -> dict[str, str]:
    return {name: engine.env[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG") if name in engine.env}


@pytest.fixture
def project(flights: BuiltProject, tmp_path: Path, engine: TestEngine, env: dict[str, str]) -> Iterator[Path]:
    folder = copy_project(flights, tmp_path / "project")
    text = (folder / "floe.yaml").read_text()
    (folder / "floe.yaml").write_text(text.replace("name: flights", f"name: {NAME}", 1))
    engine.reaper.project(NAME)
    try:
        yield folder
    finally:
        floe(folder, "down", "--volumes", env=env, check=False)


def last_lines(stderr: str) -> list[str]:
    return stderr.splitlines()[-2:]


def states(project: Path, env: dict[str, str]) -> dict[str, str]:
    said = floe(project, "status", "--json", env=env, check=False).stdout
    return {each["service"]: each["health"] for each in json.loads(said)["services"]}


@CLASSIC
def test_a_port_that_another_container_has(engine: TestEngine, project: Path, env: dict[str, str]) -> None:
    port = str(free_port())
    image = json.loads(floe(project, "build", "--load", "--json", env=env).stdout)["reference"]
    wait = ("--entrypoint", "/usr/bin/python3.11", image, "-c", "import time; time.sleep(600)")
    other = engine.docker("run", "--detach", "--publish", f"127.0.0.1:{port}:9", *wait).stdout.strip()
    try:
        failed = floe(project, "up", "--port", port, env=env, check=False)
    finally:
        engine.docker("rm", "--force", other)
    assert failed.returncode == 41, failed.stderr
    assert last_lines(failed.stderr) == [
        f"error: port {port} of this machine is taken, and webserver wants it",
        "hint: `floe up --port NUMBER` takes another one",
    ]
    floe(project, "up", "--port", port, env=env)
    assert states(project, env) == dict.fromkeys(("code-server", "daemon", "webserver"), "healthy")


@CLASSIC
@pytest.mark.acceptance
def test_a_service_that_gets_too_little_memory(engine: TestEngine, project: Path, env: dict[str, str]) -> None:
    plain = (project / "floe.yaml").read_text()
    assert "orchestration:" not in plain
    (project / "floe.yaml").write_text(plain + SMALL.format(memory="12MiB"))
    (project / "floe.lock").unlink()
    floe(project, "lock")
    floe(project, "secrets", "init")
    port = str(free_port())
    failed = floe(project, "up", "--port", port, "--timeout", "60", env=env, check=False)
    assert failed.returncode == 41, failed.stderr
    error, hint = last_lines(failed.stderr)
    assert "the kernel killed it: it wants more memory than its 12 MiB" in error
    assert hint == "hint: services.postgres.memory in floe.yaml gives it more"

    (project / "floe.yaml").write_text(plain + SMALL.format(memory="512MiB"))
    floe(project, "up", "--port", port, env=env)
    found = states(project, env)
    assert found.pop("postgres-init") == "ended"
    assert found == dict.fromkeys(("code-server", "daemon", "postgres", "webserver"), "healthy")


@CLASSIC
@pytest.mark.acceptance
def test_a_clock_that_is_years_behind(engine: TestEngine, project: Path, env: dict[str, str]) -> None:
    preload = os.pathsep.join(filter(None, (str(faketime()), os.environ.get("LD_PRELOAD"))))
    wrong = {**env, "LD_PRELOAD": preload, "FAKETIME": "@2020-01-01 00:00:00", "TZ": "UTC"}
    failed = floe(project, "up", "--port", str(free_port()), env=wrong, check=False)
    assert failed.returncode == 41, failed.stderr
    error, hint = last_lines(failed.stderr)
    assert error.startswith("error: the clock of this machine shows 2020-01-01 00:00 UTC, and floe.lock was made for 2")
    assert hint == "hint: set the clock: tokens and certificates would be refused"
    assert engine.docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={NAME}").stdout == ""
