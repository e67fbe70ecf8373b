"""The flights example three ways, on DuckDB and on a real PostgreSQL: the same tables, row by row and to the last bit.

`floe run`; `floe run --in-container`; and a run launched over the GraphQL of a hardened container's webserver, which
Dagster's queue, daemon and launcher carry out.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import relayed
from tests.support.engine import TestEngine
from tests.support.flights import HARDENED, ROOT, STATE, floe, inside, python_inside, volume
from tests.support.postgres import Postgres, postgres_server
from tests.support.roles import Ui
from tests.support.runtime import run_inside

# What a store gives is the same to a pipeline.
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(1800),
    pytest.mark.parametrize("engine", ["classic"], indirect=True, scope="module"),
]
NAME = "samemarts"
VOLUME = f"floe-{NAME}-state"  # of `floe run --in-container`
SERVED = f"floe-test-{NAME}"
ROWS = {
    "stg_flights": 336_776,
    "daily_delays": 1_095,
    "carrier_performance": 16,
    "busiest_routes": 224,
    "fleet_age": 36,
}
TARGET = """\
  prod:
    {{adapter: postgres, host: {host}, port: {port}, user: {user}, password: {{secret: postgres}}, database: {database},
      schema: flights}}
default_target: dev
"""

Tables = dict[str, list[Any]]


@pytest.fixture(scope="module")
def server(engine: TestEngine) -> Iterator[Postgres]:
    """On the address at which containers of the engine reach this machine."""
    address = engine.env.get("FLOE_ENGINE_ADDRESS") or os.environ.get("FLOE_ENGINE_ADDRESS") or "172.17.0.1"
    with postgres_server(address=address) as found:
        yield found


@pytest.fixture(scope="module")
def project(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as its README puts it on PostgreSQL."""
    kept = shutil.ignore_patterns(".floe", "floe.lock")
    folder = Path(shutil.copytree(ROOT / "examples/flights", tmp_path_factory.mktemp("marts") / NAME, ignore=kept))
    text = (folder / "floe.yaml").read_text()
    target = TARGET.format(host=server.host, port=server.port, user=server.user, database=server.database)
    for old, new in (
        ("name: flights\n\n", f"name: {NAME}\n\n"),
        ("adapters: [duckdb]\n", "adapters: [duckdb, postgres]\n"),
        ("default_target: dev\n", target),
        ("platforms: [linux/amd64, linux/arm64]", "platforms: [linux/amd64]"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "floe.yaml").write_text(text)
    (folder / ".floe/secrets").mkdir(parents=True)
    (folder / ".floe/secrets/postgres").write_text(server.password + "\n")
    floe(folder, "lock")
    return folder


@pytest.fixture(scope="module")
def image(engine: TestEngine, project: Path, environ: dict[str, str]) -> Iterator[str]:
    said = json.loads(floe(project, "build", "--locked", "--load", "--json", env=environ).stdout)
    yield said["reference"]
    engine.docker("image", "rm", "--force", said["reference"], check=False)


@pytest.fixture(scope="module")
def environ(engine: TestEngine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    named = {name: engine.env[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG") if name in engine.env}
    return {**named, "XDG_RUNTIME_DIR": str(tmp_path_factory.mktemp("memory"))}


@pytest.fixture(scope="module")
def expected(project: Path, runtime_python: Path) -> Tables:
    """What `floe run` makes on DuckDB."""
    _ran(floe(project, "run", "--json").stdout)
    script = str(ROOT / "tests/support/inside/tables.py")
    found: Tables = json.loads(
        run_inside(runtime_python, [script, str(project / ".floe/state/flights.duckdb")], env={}).stdout
    )
    assert {name: len(rows) - 1 for name, rows in found.items()} == ROWS
    assert found["carrier_performance"][-5].startswith("('UA', 'United Air Lines Inc.', 58665, 686, 76.33, 3.56")
    return found


def test_floe_run_on_postgres(project: Path, server: Postgres, runtime_python: Path, expected: Tables) -> None:
    with taken_out(server, runtime_python) as found:
        _ran(floe(project, "run", "--target", "prod", "--json").stdout)
    same(found, expected)


def test_in_a_container_on_duckdb(
    engine: TestEngine, project: Path, environ: dict[str, str], image: str, expected: Tables
) -> None:
    engine.docker("volume", "rm", "--force", VOLUME)
    try:
        done = floe(project, "run", "--in-container", "--json", env=environ)
        _ran(done.stdout)
        assert "read-only, no capabilities; network none" in done.stderr
        same(python_inside(engine, image, inside("tables"), f"{STATE}/flights.duckdb", state=VOLUME), expected)
    finally:
        engine.docker("volume", "rm", "--force", VOLUME, check=False)


def test_in_a_container_on_postgres(
    engine: TestEngine, project: Path, environ: dict[str, str], server: Postgres, runtime_python: Path, expected: Tables
) -> None:
    try:
        with taken_out(server, runtime_python) as found:
            done = floe(project, "run", "--in-container", "--target", "prod", "--json", env=environ)
            _ran(done.stdout)
            assert "read-only, no capabilities; network bridge" in done.stderr
        same(found, expected)
    finally:
        engine.docker("volume", "rm", "--force", VOLUME, check=False)


def test_a_run_launched_at_the_webserver_on_duckdb(engine: TestEngine, image: str, expected: Tables) -> None:
    with volume(engine, SERVED), serving(engine, image) as container:
        launch(engine, container)
        ended = engine.docker("stop", container)
        assert ended.returncode == 0
        same(python_inside(engine, image, inside("tables"), f"{STATE}/flights.duckdb", state=SERVED), expected)


def test_a_run_launched_at_the_webserver_on_postgres(
    engine: TestEngine, project: Path, image: str, server: Postgres, runtime_python: Path, expected: Tables
) -> None:
    secrets = (
        "--volume",
        f"{project}/.floe/secrets:/run/secrets:ro",
        "--network",
        "bridge",
        "--env",
        "FLOE_TARGET=prod",
    )
    with volume(engine, SERVED), taken_out(server, runtime_python) as found:
        (project / ".floe/secrets").chmod(0o755)
        with serving(engine, image, *secrets) as container:
            launch(engine, container)
    same(found, expected)


def _ran(said: str) -> None:
    nodes = json.loads(said)["nodes"]
    assert sorted({node["status"] for node in nodes}) == ["success"], said
    assert len(nodes) == 32


@contextmanager
def taken_out(server: Postgres, python: Path) -> Iterator[Tables]:
    """After the block: the tables that it made in the empty database, which is empty again."""
    script = str(ROOT / "tests/support/inside/tables.py")
    found: Tables = {}
    server.psql("drop schema if exists flights cascade; drop schema if exists raw cascade")
    yield found
    env = {"PGHOST": server.host, "PGPORT": str(server.port), "PGUSER": server.user, "PGPASSWORD": server.password,
           "PGDATABASE": server.database}  # fmt: skip
    found.update(json.loads(run_inside(python, [script], env=env).stdout))


def same(found: Tables, expected: Tables) -> None:
    """Tables of a third of a million rows: what differs is named, not printed."""
    assert list(found) == list(expected)
    for table, rows in expected.items():
        here, there = _digest(found[table]), _digest(rows)
        differing = [pair for pair in zip(found[table], rows, strict=False) if pair[0] != pair[1]][:3]
        assert (len(found[table]), here) == (len(rows), there), (table, differing)


def _digest(rows: list[Any]) -> str:
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


@contextmanager
def serving(engine: TestEngine, image: str, *flags: str) -> Iterator[str]:
    """The role `dev` (webserver, daemon, code server) in a hardened container; no network unless ``flags`` say."""
    hardened = list(HARDENED)
    if "--network" in flags:
        at = hardened.index("--network")
        del hardened[at : at + 2]
    command = ("run", "--detach", *hardened, "--user", "12345:0", "--volume", f"{SERVED}:{STATE}", *flags, image, "dev")
    container = engine.docker(*command).stdout.strip()
    try:
        deadline = time.monotonic() + 180
        while "serving on http://0.0.0.0:3000" not in engine.docker("logs", container).stderr:
            assert time.monotonic() < deadline, engine.docker("logs", container).stderr
            time.sleep(0.5)
        yield container
    finally:
        engine.docker("rm", "--force", container, check=False)


def launch(engine: TestEngine, container: str) -> None:
    """Run the job of everything, and see that it was queued, and started by the launcher."""
    with relayed(engine, container, 3000) as port:
        ui = Ui(port)
        selector = {"repositoryLocationName": NAME, "repositoryName": "__repository__", "pipelineName": "all"}
        said = ui.ask(
            "mutation($p: ExecutionParams!) {launchRun(executionParams: $p) {__typename"
            " ... on LaunchRunSuccess {run {runId status}} ... on PythonError {message}}}",
            p={"selector": selector, "runConfigData": {}, "mode": "default"},
        )["launchRun"]
        assert said["__typename"] == "LaunchRunSuccess", said
        run = said["run"]["runId"]
        ended = ui.wait_for(run, "SUCCESS", "FAILURE", "CANCELED", seconds=300)
        assert ended == "SUCCESS", engine.docker("logs", container).stderr
        events = ui.ask("query($r: ID!) {logsForRun(runId: $r) {... on EventConnection {events {__typename}}}}", r=run)[
            "logsForRun"
        ]["events"]
        kinds = [event["__typename"] for event in events]
        assert {"RunEnqueuedEvent", "RunStartingEvent", "RunStartEvent"} <= set(kinds), kinds
        assert kinds.count("MaterializationEvent") == 8
        assert kinds.count("AssetCheckEvaluationEvent") == 24
