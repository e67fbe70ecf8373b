"""The flights image for arm64 does its work there: check, doctor, a run, and a code server that its health check asks.

Under qemu where this machine is not arm64.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.support.engine import TestEngine
from tests.support.flights import HARDENED, STATE, BuiltProject, loaded, python_inside, run_hardened, volume

# What a store gives is the same to a role.
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(1800),
    pytest.mark.parametrize("engine", ["classic"], indirect=True, scope="module"),
]
PLATFORM = ("--platform", "linux/arm64")


@pytest.fixture(scope="module")
def image(engine: TestEngine, flights: BuiltProject) -> Iterator[str]:
    with loaded(engine, flights.archive("linux/arm64")) as found:
        machine = "import json, platform; print(json.dumps(platform.machine()))"
        assert python_inside(engine, found, machine, flags=PLATFORM) == "aarch64"
        yield found


@pytest.fixture(scope="module")
def state(engine: TestEngine) -> Iterator[str]:
    with volume(engine, "floe-test-arm64-roles") as name:
        yield name


def _role(engine: TestEngine, image: str, state: str, *command: str) -> subprocess.CompletedProcess[str]:
    return run_hardened(engine, image, *command, flags=PLATFORM, state=state, check=False)


def test_check_and_doctor(engine: TestEngine, image: str, state: str) -> None:
    said = "ok: flights, target dev, adapters duckdb, DuckDB extensions httpfs avro iceberg\n"
    done = _role(engine, image, state, "check")
    assert (done.returncode, done.stdout) == (0, said), done.stderr
    done = _role(engine, image, state, "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    # The control: a volume that cannot be written.
    flags = (*PLATFORM, "--volume", f"{state}:{STATE}:ro")
    done = run_hardened(engine, image, "doctor", flags=flags, check=False)
    assert done.returncode == 1
    assert f"{STATE} cannot be written" in done.stdout


def test_a_run_of_one_model(engine: TestEngine, image: str, state: str) -> None:
    # Without the test that holds the rows of another model against it, which has not been made.
    command = ("run", "--select", "stg_airlines", "--exclude", "stg_flights", "--events")
    done = _role(engine, image, state, *command)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    told = [json.loads(line) for line in done.stdout.splitlines()]
    made = {each["name"]: each["status"] for each in told if each["event"] == "node_finished"}
    assert made["stg_airlines"] == "success"
    assert set(made.values()) == {"success"}
    assert told[-1]["event"] == "run_finished"
    assert told[-1]["outcome"] == "success"


def test_a_code_server_is_healthy(engine: TestEngine, image: str, state: str) -> None:
    """By the health check, which asks it over gRPC, once it serves. And it ends by a signal."""
    flags = (*HARDENED, *PLATFORM, "--user", "12345:0", "--volume", f"{state}:{STATE}")
    container = engine.docker("run", "--detach", *flags, image, "code-server").stdout.strip()
    try:
        deadline = time.monotonic() + 400
        while "serving flights on 0.0.0.0:4000" not in engine.docker("logs", container).stderr:
            assert time.monotonic() < deadline, engine.docker("logs", container).stderr
            time.sleep(2)
        done = engine.docker("exec", container, "floe-runtime", "check", "--quick", check=False)
        assert (done.returncode, done.stdout[:3]) == (0, "ok:"), done.stdout + done.stderr
        engine.docker("stop", "--time", "120", container)
        assert json.loads(engine.docker("inspect", container).stdout)[0]["State"]["ExitCode"] == 0
    finally:
        engine.docker("rm", "--force", container)
