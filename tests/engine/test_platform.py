"""The whole platform on one machine: Dagster's metadata in PostgreSQL, the flights example on DuckDB, on PostgreSQL and
as Iceberg tables, in floe's own lake and on local files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.engine import TestEngine
from tests.support.flights import BuiltProject, copy_project, floe, inside
from tests.support.roles import free_port

NAME = "platform-whole"
MORE = """\
services: {postgres: {}, lake: {}}
catalogs:
  files: {type: local, warehouse: /var/lib/floe/warehouse}
  tables:
    type: rest
    uri: http://lake:8181
    warehouse: lake
    credential: {secret: lake}
    storage:
      {type: s3, endpoint: "http://lake:8333", region: us-east-1, path_style: true,
       access_key_id: {secret: s3_id}, secret_access_key: {secret: s3_key}}
orchestration:
  metadata: {type: postgres, host: postgres, user: dagster, password: {secret: dagster}, database: dagster}
"""
TARGETS = """\
  prod: {adapter: postgres, host: postgres, user: floe, password: {secret: warehouse}, database: flights}
  lake: {adapter: duckdb, path: /var/lib/floe/for_lake.duckdb, schema: flights, catalog: tables}
  local: {adapter: duckdb, path: /var/lib/floe/for_files.duckdb, schema: flights, catalog: files}
"""
LAKE = {
    "type": "rest", "uri": "http://lake:8181", "warehouse": "s3://lake", "credential": "secret:lake",
    "s3.endpoint": "http://lake:8333", "s3.region": "us-east-1",
    "s3.access-key-id": "secret:s3_id", "s3.secret-access-key": "secret:s3_key",
}  # fmt: skip
FILES = {
    "type": "sql",
    "uri": "sqlite:////var/lib/floe/warehouse/catalog.sqlite",
    "warehouse": "/var/lib/floe/warehouse",
}
SERVICES = ["code-server", "daemon", "lake", "lake-init", "postgres", "postgres-init", "webserver"]
# Of the marts, in either database: rows and a sum over a column of numbers.
COUNTS = "select (select count(*) from {0}.daily_delays), (select sum(flights) from {0}.carrier_performance)"


@pytest.fixture
def project(flights: BuiltProject, tmp_path: Path) -> Path:
    folder = copy_project(flights, tmp_path / "project")
    text = (folder / "floe.yaml").read_text()
    text = text.replace("name: flights", f"name: {NAME}", 1).replace(
        "adapters: [duckdb]", "adapters: [duckdb, postgres]"
    )
    (folder / "floe.yaml").write_text(text.replace("default_target", f"{TARGETS}default_target", 1) + MORE)
    (folder / "floe.lock").unlink()
    return folder


def started(engine: TestEngine) -> dict[str, tuple[str, str]]:
    """Name → (ID, when it started)."""
    ids = engine.docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={NAME}").stdout.split()
    found = json.loads(engine.docker("inspect", *ids).stdout) if ids else []
    return {each["Name"]: (each["Id"], each["State"]["StartedAt"]) for each in found}


@pytest.mark.parametrize("engine", ["classic"], indirect=True)
def test_the_platform_comes_up_runs_on_each_kind_of_target_and_keeps_its_tables(
    engine: TestEngine, project: Path
) -> None:
    env = {name: engine.env[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG") if name in engine.env}
    port = ("--port", str(free_port()))
    try:
        floe(project, "lock")
        made = floe(project, "secrets", "init").stdout.splitlines()
        assert made == [f"made {name}" for name in ("dagster", "lake", "s3_id", "s3_key", "warehouse")]
        secrets = [(project / ".floe" / "secrets" / line.removeprefix("made ")).read_text().strip() for line in made]

        up = floe(project, "up", "--json", *port, env=env)
        states = {each["service"]: each["health"] for each in json.loads(up.stdout)["services"]}
        assert states == {name: "ended" if name.endswith("-init") else "healthy" for name in SERVICES}
        first = started(engine)
        again = floe(project, "up", *port, env=env)
        assert "everything is up, as floe.yaml has it" in again.stderr
        assert started(engine) == first

        for target in ("dev", "prod", "lake", "local"):
            floe(project, "exec", "code-server", "floe-runtime", "run", "--target", target, env=env)
        asked = floe(
            project, "exec", "postgres", "--", "psql", "-d", "flights", "-tA", "-c", COUNTS.format("public"), env=env
        )
        assert asked.stdout == "1095|336776\n"
        for name, properties in (("tables", LAKE), ("files", FILES)):
            read = floe(
                project, "exec", "code-server", "--", "/usr/bin/python3.11", "-c", inside("iceberg_rows"), name,
                json.dumps(properties), env=env,
            )  # fmt: skip
            assert json.loads(read.stdout) == [1095, 336776, [2]]
        runs = floe(
            project, "exec", "postgres", "--", "psql", "-d", "dagster", "-tA", "-c",
            "select status, count(*) from runs group by status", env=env,
        )  # fmt: skip
        assert runs.stdout == "SUCCESS|4\n"

        floe(project, "down", env=env)
        assert started(engine) == {}
        floe(project, "up", *port, env=env)
        assert set(started(engine)) == set(first)
        kept = floe(
            project, "exec", "postgres", "--", "psql", "-d", "flights", "-tA", "-c", COUNTS.format("public"), env=env
        )
        assert kept.stdout == asked.stdout

        inspected = engine.docker("inspect", *(name.lstrip("/") for name in started(engine))).stdout
        said = floe(project, "logs", env=env).stdout
        assert not [secret for secret in secrets if secret in inspected + said + up.stderr]
    finally:
        floe(project, "down", "--volumes", env=env, check=False)
