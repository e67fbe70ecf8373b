"""`floe up` with services out of a registry: PostgreSQL as its official image is, and Polaris.

Polaris is a DOUBLE here, a container with Polaris' ports and settings; the real one is not to be had on a machine
without a registry (tests/runtime/test_polaris_real.py runs wherever it is).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.engine import TestEngine
from tests.support.engine import engine as engine_for
from tests.support.flights import BuiltProject, copy_project, floe
from tests.support.polaris_double import Catalogs, Roles
from tests.support.polaris_image import TITLE, push_double
from tests.support.polaris_real import polaris_container
from tests.support.pushed import push_postgres
from tests.support.registry import registry_server
from tests.support.roles import free_port

NAME = "platform-polaris"
MORE = """\
services:
  postgres: {{image: "{host}/like/postgres:15"}}
  lake: {{}}
  polaris: {{image: "{host}/double/polaris:1.8.0"}}
catalogs:
  tables:
    type: polaris
    uri: http://polaris:8181/api/catalog
    warehouse: tables
    credential: {{secret: pipeline}}
    storage:
      {{type: s3, location: "s3://flights/tables", endpoint: "http://lake:8333", region: us-east-1, path_style: true,
       access_key_id: {{secret: s3_id}}, secret_access_key: {{secret: s3_key}}}}
    manage: {{credential: {{secret: root}}}}
orchestration:
  metadata: {{type: postgres, host: postgres, user: dagster, password: {{secret: dagster}}, database: dagster}}
"""
TARGET = "  iceberg: {adapter: duckdb, path: /var/lib/floe/for_lake.duckdb, schema: flights, catalog: tables}\n"
SERVING = ("code-server", "daemon", "lake", "polaris", "postgres", "webserver")
CHANGES = 7  # catalog, catalog role, grant, principal role, its catalog role, principal, its role
MADE = ["dagster", "polaris-database", "polaris-token-key", "root", "s3_id", "s3_key"]
# Whether the pipeline is let in: [status of a token, who says so, status of the catalog's configuration]
ASK = """
import json, urllib.request
from pathlib import Path
client_id, _, secret = Path("/run/secrets/pipeline").read_text().strip().partition(":")
base = "http://polaris:8181/api/catalog/v1"
form = f"grant_type=client_credentials&client_id={client_id}&client_secret={secret}&scope=PRINCIPAL_ROLE:ALL"
with urllib.request.urlopen(f"{base}/oauth/tokens", form.encode()) as answer:
    token, status, who = json.load(answer)["access_token"], answer.status, answer.headers["X-Polaris-Double"]
request = urllib.request.Request(f"{base}/config?warehouse=tables", headers={"Authorization": f"Bearer {token}"})
with urllib.request.urlopen(request) as answer:
    print(json.dumps([status, who, answer.status]))
"""


@dataclass(frozen=True, kw_only=True)
class Platform:
    engine: TestEngine
    folder: Path
    env: dict[str, str]
    port: int
    told: str  # what the first `floe up` said
    states: dict[str, str]

    def floe(self, *arguments: str, check: bool = True) -> Any:
        return floe(self.folder, *arguments, env=self.env, check=check)

    def up(self) -> Any:
        return self.floe("up", "--port", str(self.port))

    def containers(self) -> dict[str, Any]:
        """Service → what the engine says of its container."""
        label = f"label=com.docker.compose.project={NAME}"
        ids = self.engine.docker("ps", "--all", "--quiet", "--filter", label).stdout.split()
        found = json.loads(self.engine.docker("inspect", *ids).stdout) if ids else []
        return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in found}

    def secret(self, name: str) -> str:
        return (self.folder / ".floe" / "secrets" / name).read_text().strip()


@pytest.fixture(scope="module")
def platform(flights: BuiltProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    place = tmp_path_factory.mktemp("polaris")
    folder = copy_project(flights, place / "project")
    with registry_server(place / "registry") as registry, engine_for("classic") as engine:
        push_postgres(flights, registry, "like/postgres", "15")
        push_double(flights, registry, "double/polaris", "1.8.0")
        text = (folder / "floe.yaml").read_text().replace("name: flights", f"name: {NAME}", 1)
        text = text.replace("default_target", f"{TARGET}default_target", 1)
        (folder / "floe.yaml").write_text(text + MORE.format(host=registry.host))
        env = {name: engine.env[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG") if name in engine.env}
        floe(folder, "lock")
        made = floe(folder, "secrets", "init")
        assert made.stdout.splitlines() == [f"made {name}" for name in MADE]
        assert "pipeline is made by Polaris, at `floe up` (catalogs.tables.credential)" in made.stderr
        assert "pipeline           later" in floe(folder, "secrets", "list").stdout
        port = free_port()
        try:
            done = floe(folder, "up", "--json", "--port", str(port), env=env)
            states = {each["service"]: each["health"] for each in json.loads(done.stdout)["services"]}
            yield Platform(engine=engine, folder=folder, env=env, port=port, told=done.stderr, states=states)
        finally:
            floe(folder, "down", "--volumes", env=env, check=False)


def test_everything_is_healthy_and_the_catalog_is_made_on_the_way(platform: Platform) -> None:
    assert platform.states == {
        **dict.fromkeys(SERVING, "healthy"),
        "lake-init": "ended",
        "postgres-init": "ended",
    }
    said = [line for line in platform.told.splitlines() if "tables" in line and "create" in line.lower()]
    assert said, platform.told
    client_id, colon, secret = platform.secret("pipeline").partition(":")
    assert (len(client_id), colon, len(secret)) == (16, ":", 32)
    assert ((platform.folder / ".floe" / "secrets" / "pipeline").stat().st_mode & 0o777) == 0o444
    plan = platform.floe("catalog", "plan", "--check", "--json")
    assert json.loads(plan.stdout) == {"applied": False, "catalogs": ["tables"], "changes": []}


def test_the_pipeline_is_let_in_by_what_says_that_it_is_a_double(platform: Platform) -> None:
    done = platform.floe("exec", "code-server", "--", "/usr/bin/python3.11", "-c", ASK)
    assert json.loads(done.stdout) == [200, "a double of Apache Polaris for tests", 200]
    said = platform.floe("logs", "polaris").stdout
    assert "a double of Apache Polaris for tests: relational-jdbc, listening on 8181" in said
    labels = platform.containers()["polaris"]["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == TITLE


def test_polaris_is_hardened_as_everything_else_is(platform: Platform) -> None:
    found = platform.containers()
    polaris = found["polaris"]
    assert polaris["Config"]["User"] == "10000:10001"
    host = polaris["HostConfig"]
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["PidsLimit"]) == (True, ["ALL"], 256)
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Memory"] == 768 << 20
    assert (host["PortBindings"] or {}) == {}
    assert list(polaris["NetworkSettings"]["Networks"]) == [f"{NAME}_inside"]
    assert {each["Mode"] or "ro" for each in polaris["Mounts"] if each["RW"]} == set()
    secrets = [platform.secret(name).rpartition(":")[2] for name in (*MADE, "pipeline")]
    everything = json.dumps(found) + platform.floe("logs").stdout + platform.told
    assert [secret for secret in secrets if secret in everything] == []


def test_postgres_of_an_image_is_as_the_recipe_s(platform: Platform) -> None:
    found = platform.containers()["postgres"]
    assert found["Config"]["Entrypoint"][0] == "postgres"
    assert (found["Config"]["User"], found["HostConfig"]["ReadonlyRootfs"]) == ("10001:0", True)

    def sql(statement: str, *where: str) -> str:
        asked = ("exec", "postgres", "--", "psql", "-tA", "-c", statement, *where)
        return str(platform.floe(*asked).stdout).strip()

    assert sql("select rolname from pg_roles where rolcanlogin order by 1").split() == [
        "dagster",
        "polaris",
        "postgres",
    ]
    assert sql("select count(*) > 0 from runs", "-d", "dagster") in ("t", "f")
    assert sql("show data_checksums") == "on"
    refused = platform.floe(
        "exec", "postgres", "--", "psql", "-h", "127.0.0.1", "-U", "postgres", "-c", "select 1", check=False
    )
    assert "pg_hba.conf rejects connection" in refused.stderr
    wrong = platform.floe(
        "exec", "postgres", "--", "psql", "postgresql://polaris:wrong@127.0.0.1/polaris", "-c", "select 1", check=False
    )
    assert "password authentication failed" in wrong.stderr
    volumes = [each.get("Name", "") for each in found["Mounts"] if each["Type"] == "volume"]
    assert volumes == [f"floe-{NAME}-postgres"]


def test_a_managed_polaris_elsewhere_through_testcontainers(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address and a credential, and no container of floe's: made by apply, then used without `manage`."""
    for name, value in platform.env.items():
        monkeypatch.setenv(name, value)
    image = platform.containers()["polaris"]["Config"]["Image"]
    ours = platform.engine.env.get("FLOE_ENGINE_ADDRESS", "")  # a private engine publishes at the other end of its pair
    host = f"{ours.rpartition('.')[0]}.2" if ours else None
    with polaris_container(image, host=host) as polaris, Roles() as roles:
        catalogs = Catalogs(tmp_path / "site", polaris, roles)
        assert len(catalogs.apply()) == CHANGES
        assert catalogs.plan() == []
        credential = (catalogs.secrets / "lake-pipeline").read_text().strip()
        used = polaris.ask("GET", "C/config?warehouse=lake", who=credential)
        assert (used.status_code, used.headers["X-Polaris-Double"]) == (200, "a double of Apache Polaris for tests")
        assert polaris.ask("POST", "C/lake/namespaces", {"namespace": ["a"]}, who=credential).ok
        assert polaris.ask("GET", "M/principals", who=credential).status_code == 403
    left = platform.engine.docker("ps", "--all", "--quiet", "--filter", f"ancestor={image}").stdout.split()
    assert len(left) == 1


@pytest.mark.acceptance
def test_a_second_up_touches_nothing_and_down_and_up_makes_the_catalog_again(platform: Platform) -> None:
    before = {name: each["Id"] for name, each in platform.containers().items()}
    assert "everything is up, as floe.yaml has it" in platform.up().stderr
    assert {name: each["Id"] for name, each in platform.containers().items()} == before
    credential = platform.secret("pipeline")
    platform.floe("down")
    down = platform.floe("catalog", "plan", check=False)
    assert (down.returncode, down.stderr.splitlines()[-2]) == (41, "error: Polaris is not up, or not healthy")
    platform.up()
    # The double forgets everything when it ends; the real one has it in PostgreSQL.
    assert platform.secret("pipeline") != credential
    assert json.loads(platform.floe("catalog", "plan", "--check", "--json").stdout)["changes"] == []
    done = platform.floe("exec", "code-server", "--", "/usr/bin/python3.11", "-c", ASK)
    assert json.loads(done.stdout)[0] == 200
