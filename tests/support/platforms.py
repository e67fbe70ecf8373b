"""A whole platform for tests, brought up once a session by the real command: Dagster, PostgreSQL and the lake, with the
flights example and a model that takes its time.

Containers are looked at from this machine: the engine has to be on it. What is published is reached in the engine's own
network, which is this machine's only where the engine is not a private one.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.contained import process_of
from tests.support.engine import TestEngine
from tests.support.engine import engine as engine_for
from tests.support.flights import floe
from tests.support.netns import forward, in_namespace
from tests.support.roles import Ui, free_port

SERVING = ("code-server", "daemon", "lake", "postgres", "webserver")
PREPARING = ("lake-init", "postgres-init")
WAREHOUSE, CATALOG = "lake", "tables"

_MORE = """\
services: {{postgres: {{port: {postgres}}}, lake: {{port: {catalog}, s3_port: {s3}}}}}
catalogs:
  tables:
    type: rest
    uri: http://lake:8181
    warehouse: lake
    credential: {{secret: lake}}
    storage:
      {{type: s3, endpoint: "http://lake:8333", region: us-east-1, path_style: true,
       access_key_id: {{secret: s3_id}}, secret_access_key: {{secret: s3_key}}}}
orchestration:
  metadata: {{type: postgres, host: postgres, user: dagster, password: {{secret: dagster}}, database: dagster}}
"""
_TARGETS = """\
  prod: {adapter: postgres, host: postgres, user: floe, password: {secret: warehouse}, database: flights}
  lake: {adapter: duckdb, path: /var/lib/floe/for_lake.duckdb, schema: flights, catalog: tables}
"""
# Its second run adds a column.
_GROWS = """\
{{ config(materialized='incremental', incremental_strategy='merge', unique_key='carrier',
          on_schema_change='append_new_columns', partition_by=['bucket(4, carrier)']) }}
select carrier, count(*) as flights {% if is_incremental() %}, 2 as again{% endif %}
from {{ ref('stg_flights') }} group by carrier
"""
# Quick, then some 10 s of two cores, then quick again: there is a middle to hit.
_TABLE = "{{ config(materialized='table') }} "
_MODELS = {
    "begun": f"{_TABLE} select 1 as n, now() as at\n",
    "slow": f"{_TABLE} select n, (select sum(hash(a.range + b.range) % 7) from range(60000) a, range(8000) b) as t "
    "from {{ ref('begun') }}\n",
    "done": f"{_TABLE} select * from {{{{ ref('slow') }}}}\n",
}
SLOW = tuple(_MODELS)
_PATIENCE = 120  # seconds, until a container that was killed is well again


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Of the engine's loopback."""

    web: int
    postgres: int
    catalog: int
    s3: int


@dataclass(frozen=True, kw_only=True)
class Platform:
    """``env`` is what the command needs to reach the engine."""

    engine: TestEngine
    folder: Path
    name: str
    ports: Ports
    env: dict[str, str] = field(repr=False)

    def floe(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return floe(self.folder, *arguments, env=self.env, check=check)

    def up(self, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.floe("up", "--port", str(self.ports.web), check=check)

    def secret(self, name: str) -> str:
        return (self.folder / ".floe" / "secrets" / name).read_text().strip()

    def containers(self) -> dict[str, dict[str, Any]]:
        """Service → what the engine says of its container."""
        label = f"label=com.docker.compose.project={self.name}"
        ids = self.engine.docker("ps", "--all", "--quiet", "--filter", label).stdout.split()
        found = json.loads(self.engine.docker("inspect", *ids).stdout) if ids else []
        return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in found}

    def process(self, service: str) -> int:
        """Its first process, in this machine's numbers."""
        told = self.containers()[service]
        return process_of(told["Config"]["Hostname"], told["State"]["Pid"])

    def outside(self) -> Path:
        """The network namespace in which the engine publishes ports: that of what holds what holds a container."""
        return Path(f"/proc/{_parent(_parent(self.process('postgres')))}/ns/net")

    def ui(self) -> Ui:
        """Dagster's GraphQL, through a port of this machine."""
        namespace = self.outside()
        listening = socket.create_server(("127.0.0.1", 0))
        forward(
            listening,
            lambda: in_namespace(namespace, lambda: socket.create_connection(("127.0.0.1", self.ports.web))),
        )
        return Ui(int(listening.getsockname()[1]))

    def run_outside(self, *command: str | Path, said: str = "") -> subprocess.CompletedProcess[str]:
        """A program of this machine that sees the engine's loopback as its own, and ``said`` on its stdin."""
        entered = ["nsenter", f"--net={self.outside()}", *map(str, command)]
        done = subprocess.run(entered, input=said, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{command[:3]}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def psql(self, database: str, sql: str) -> str:
        """What the superuser is told, without a newline."""
        asked = ("exec", "postgres", "--", "psql", "-d", database, "-tA", "-c", sql)
        return self.floe(*asked).stdout.removesuffix("\n")

    def run(self, target: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A run to its end, by the command."""
        asked = ("exec", "code-server", "floe-runtime", "run", "--target", target, *arguments)
        return self.floe(*asked, check=check)

    def said(self, service: str) -> str:
        done = self.engine.docker("logs", self.containers()[service]["Id"])
        return done.stdout + done.stderr

    def wait_healthy(self, services: Sequence[str] = SERVING, *, restarts: dict[str, int] | None = None) -> None:
        """Until each is healthy, having been started at least as often as ``restarts`` says."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            found = self.containers()
            late = [
                name
                for name in services
                if found[name]["State"].get("Health", {}).get("Status") != "healthy"
                or not found[name]["State"]["Running"]
                or found[name]["RestartCount"] < (restarts or {}).get(name, 0)
            ]
            if not late:
                return
            assert time.monotonic() < deadline, {name: (found[name]["State"], self.said(name)[-1500:]) for name in late}
            time.sleep(0.5)


def _parent(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:")))


@contextmanager
def platform_in(engine: TestEngine, folder: Path, name: str) -> Iterator[Platform]:
    """Brought up under ``name`` of a project in ``folder``, which is made; gone with its volumes afterwards."""
    ports = Ports(web=free_port(), postgres=free_port(), catalog=free_port(), s3=free_port())
    floe(folder.parent, "init", "--example", "flights", "--folder", str(folder))
    text = (folder / "floe.yaml").read_text()
    for old, new in (
        ("name: flights", f"name: {name}"),
        ("adapters: [duckdb]", "adapters: [duckdb, postgres]"),
        ("default_target: dev", f"{_TARGETS}default_target: lake"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    more = _MORE.format(postgres=ports.postgres, catalog=ports.catalog, s3=ports.s3)
    (folder / "floe.yaml").write_text(text + more)
    for model, sql in {**_MODELS, "carriers_seen": _GROWS}.items():
        (folder / "transform" / "models" / f"{model}.sql").write_text(sql)
    env = {key: engine.env[key] for key in ("DOCKER_HOST", "DOCKER_CONFIG") if key in engine.env}
    found = Platform(engine=engine, folder=folder, name=name, ports=ports, env=env)
    engine.reaper.project(name)
    try:
        found.floe("lock")
        found.floe("secrets", "init")
        found.up()
        yield found
    finally:
        found.floe("down", "--volumes", check=False)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One for the session, and for each of its workers; whoever changes it leaves it healthy, with the tables that it
    found."""
    name = f"platform-{os.environ.get('PYTEST_XDIST_WORKER', 'proofs')}"
    with (
        engine_for("classic") as engine,
        platform_in(engine, tmp_path_factory.mktemp("platform") / "project", name) as found,
    ):
        yield found
