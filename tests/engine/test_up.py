"""`floe up` on a real engine: healthy containers, hardened, that a second `up` leaves alone; what fails is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.engine import TestEngine
from tests.support.flights import BuiltProject, copy_project, floe
from tests.support.roles import free_port

NAME = "up-and-down"
SERVICES = ["code-server", "daemon", "webserver"]


@pytest.fixture
def project(flights: BuiltProject, tmp_path: Path) -> Path:
    folder = copy_project(flights, tmp_path / "project")
    text = (folder / "floe.yaml").read_text()
    (folder / "floe.yaml").write_text(text.replace("name: flights", f"name: {NAME}", 1))
    return folder


def containers(engine: TestEngine) -> dict[str, tuple[str, str]]:
    """Name → (ID, when it started)."""
    ids = engine.docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={NAME}").stdout.split()
    found = json.loads(engine.docker("inspect", *ids).stdout) if ids else []
    return {each["Name"]: (each["Id"], each["State"]["StartedAt"]) for each in found}


@pytest.mark.parametrize("engine", ["classic"], indirect=True)
def test_up_status_exec_logs_down(engine: TestEngine, project: Path) -> None:
    env = {name: engine.env[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG") if name in engine.env}
    port = free_port()
    try:
        nothing = floe(project, "status", env=env, check=False)
        assert (nothing.returncode, nothing.stderr.splitlines()[0]) == (41, "error: nothing is up")
        done = floe(project, "up", "--json", "--port", str(port), env=env)
        services = json.loads(done.stdout)["services"]
        assert [(each["service"], each["health"]) for each in services] == [(name, "healthy") for name in SERVICES]
        assert services[2]["addresses"] == [f"127.0.0.1:{port}"]
        first = containers(engine)
        assert len(first) == 3

        floe(project, "up", "--port", str(port), env=env)
        assert containers(engine) == first
        asked = floe(project, "exec", "webserver", "floe-runtime", "check", env=env)
        assert asked.stdout.startswith("ok")
        wrong = floe(project, "exec", "daemon", "--", "floe-runtime", "nonsense", env=env, check=False)
        assert wrong.returncode == 2
        assert "nonsense" in wrong.stderr
        (line,) = floe(project, "logs", "--tail", "1", "webserver", env=env).stdout.splitlines()
        assert json.loads(line.partition("| ")[2])["message"] == "serving on http://0.0.0.0:3000"
        unknown = floe(project, "logs", "nosuch", env=env, check=False)
        assert (unknown.returncode, unknown.stderr.splitlines()[-1]) == (
            2, "hint: the services are: code-server, daemon, webserver",
        )  # fmt: skip

        floe(project, "down", env=env)
        assert containers(engine) == {}
        volumes = engine.docker("volume", "ls", "--quiet").stdout.split()
        assert f"floe-{NAME}-state" in volumes
        floe(project, "down", "--volumes", env=env)
        assert f"floe-{NAME}-state" not in engine.docker("volume", "ls", "--quiet").stdout.split()
    finally:
        floe(project, "down", "--volumes", env=env, check=False)


@pytest.mark.parametrize("engine", ["classic"], indirect=True)
def test_what_does_not_start_is_named_with_its_last_lines(engine: TestEngine, project: Path) -> None:
    env = {name: engine.env[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG") if name in engine.env}
    traces = 'observability: {traces: {endpoint: "http://127.0.0.1:9", headers: {authorization: {secret: token}}}}\n'
    with (project / "floe.yaml").open("a") as stream:
        stream.write(traces)
    volume = f"floe-{NAME}-state"
    try:
        missing = floe(project, "up", env=env, check=False)
        assert (missing.returncode, missing.stderr.splitlines()[-2]) == (5, "error: a secret is missing: token")
        assert not (project / ".floe" / "compose").exists()
        (project / ".floe" / "secrets").mkdir(parents=True, exist_ok=True)
        (project / ".floe" / "secrets" / "token").write_text("canary-5d21")
        engine.docker("volume", "create", volume)
        place = Path(engine.docker("volume", "inspect", "--format", "{{.Mountpoint}}", volume).stdout.strip())
        (place / "of-somebody-else").touch()
        place.chmod(0o700)
        failed = floe(project, "up", "--port", str(free_port()), env=env, check=False)
        assert failed.returncode == 41
        assert "error: did not start: code-server (exit code 51)" in failed.stderr
        assert "the state volume cannot be written: Permission denied" in failed.stderr
        assert "canary-5d21" not in failed.stderr
    finally:
        floe(project, "down", "--volumes", env=env, check=False)
    assert containers(engine) == {}
