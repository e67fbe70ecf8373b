"""`floe run --in-container`: the same marts as without a container, secrets as files only, Ctrl-C."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from floe_images.engine.docker.connect import connect
from floe_images.engine.docker.tidy import remove_orphans
from tests.support.engine import TestEngine
from tests.support.flights import ROOT, BuiltProject, copy_project, floe, inside, python_inside

CANARY = "canary-8d1f0c"
IMAGE = "localhost/container-run:latest"
VOLUME = "floe-container-run-state"


@pytest.fixture
def project(flights: BuiltProject, tmp_path: Path) -> Path:
    """With a name of its own: its state is a volume of that name, which these tests remove."""
    folder = copy_project(flights, tmp_path / "project")
    text = (folder / "floe.yaml").read_text()
    (folder / "floe.yaml").write_text(text.replace("name: flights", "name: container-run", 1))
    return folder


def containers(engine: TestEngine) -> list[str]:
    """Running or ended, those that have the state."""
    return engine.docker("ps", "--all", "--quiet", "--filter", f"volume={VOLUME}").stdout.split()


def remove_volume(engine: TestEngine) -> None:
    for container in containers(engine):
        engine.docker("rm", "--force", container)
    engine.docker("volume", "rm", "--force", VOLUME)


def environ(engine: TestEngine, project: Path) -> dict[str, str]:
    memory = project.parent / "memory"
    memory.mkdir(exist_ok=True)
    return {name: engine.env[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG") if name in engine.env} | {
        "XDG_RUNTIME_DIR": str(memory)
    }


def nodes(text: str) -> list[tuple[str, str, int | None]]:
    return sorted((node["unique_id"], node["status"], node["rows"]) for node in json.loads(text)["nodes"])


def rows_here(project: Path) -> dict[str, tuple[int, str]]:
    """The marts of the run without a container, by the Python of its environment."""
    (extension,) = (project / ".floe" / "home" / "duckdb").rglob("httpfs.duckdb_extension")
    python = extension.resolve().parents[6] / "bin" / "python"
    database = project / ".floe" / "state" / "flights.duckdb"
    done = subprocess.run([python, "-c", inside("rows"), database], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


@pytest.mark.acceptance
@pytest.mark.parametrize("engine", ["classic"], indirect=True)
def test_the_flights_example_here_and_in_the_container(engine: TestEngine, project: Path) -> None:
    env = environ(engine, project)
    remove_volume(engine)
    try:
        contained = floe(project, "run", "--in-container", "--json", env=env)
        assert "network none, state in the volume floe-container-run-state" in contained.stderr
        here = floe(project, "run", "--json", env=env)
        assert nodes(contained.stdout) == nodes(here.stdout)
        assert len(nodes(here.stdout)) == 32
        rows = python_inside(engine, IMAGE, inside("rows"), "/var/lib/floe/flights.duckdb", state=VOLUME)
        assert rows == rows_here(project)
        assert {mart: count for mart, (count, _) in rows.items()} == {
            "daily_delays": 1095, "carrier_performance": 16, "busiest_routes": 224, "fleet_age": 36,
        }  # fmt: skip
        assert containers(engine) == []
    finally:
        remove_volume(engine)


@pytest.mark.parametrize("engine", ["classic"], indirect=True)
def test_secrets_are_files_in_memory_and_control_c_ends_the_container(engine: TestEngine, project: Path) -> None:
    text = (project / "floe.yaml").read_text()
    traces = 'observability: {traces: {endpoint: "http://127.0.0.1:9", headers: {authorization: {secret: token}}}}\n'
    (project / "floe.yaml").write_text(text + traces)
    shutil.rmtree(project / "transform" / "models")
    shutil.rmtree(project / "transform" / "tests")
    (project / "transform" / "models").mkdir()
    slow = "select count(*) as n from range(10000000) x, range(10000000) y, range(10000000) z\n"
    (project / "transform" / "models" / "quick.sql").write_text("{{ config(materialized='table') }} select 1 as n\n")
    (project / "transform" / "models" / "slow.sql").write_text(
        "-- depends_on: {{ ref('quick') }}\n{{ config(materialized='table') }} " + slow
    )
    env = environ(engine, project)
    memory = Path(env["XDG_RUNTIME_DIR"])
    (project / ".floe" / "secrets").mkdir(parents=True)
    (project / ".floe" / "secrets" / "token").write_text(CANARY)
    remove_volume(engine)
    process = subprocess.Popen(
        [sys.executable, "-m", "floe_images", "run", "--in-container"], cwd=project, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **env, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        assert process.stderr is not None
        heard = []
        for line in process.stderr:
            heard.append(line)
            if line.startswith("model quick: ok"):
                break
        else:
            raise AssertionError("".join(heard))
        assert any("network bridge" in line for line in heard)
        (container,) = containers(engine)
        assert [path.read_text() for path in memory.rglob("token")] == [f"{CANARY}\n"]
        inspected = engine.docker("inspect", container).stdout
        assert "/run/secrets" in inspected
        assert CANARY not in inspected
        assert json.loads(inspected)[0]["Config"]["User"] == "10001:0"
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=90)
        assert process.returncode == 130, rest
        assert containers(engine) == []
        # A container whose run is no more goes with the next run.
        gone = subprocess.Popen(["true"])
        gone.wait()
        label = f"floe.owner={platform.node()} {gone.pid}"
        engine.docker("create", "--label", label, "--volume", f"{VOLUME}:/var/lib/floe", IMAGE)
        assert len(containers(engine)) == 1
        with connect(engine.env["DOCKER_HOST"]) as api:
            remove_orphans(api)
        assert containers(engine) == []
    finally:
        process.kill()
        process.communicate()
        remove_volume(engine)
    assert CANARY not in rest + "".join(heard)
    assert list(memory.iterdir()) == []
