"""A platform that keeps its data: secrets change under a run, a backup brings all of it back, kills are noticed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.engine import TestEngine
from tests.support.flights import floe
from tests.support.roles import free_port

NAME = "kept-data"
YAML = f"""\
version: "1.0"
name: {NAME}
adapters: [duckdb, postgres]
services: {{postgres: {{}}, lake: {{}}}}
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
targets:
  prod: {{adapter: postgres, host: postgres, user: floe, password: {{secret: warehouse}}, database: kept}}
  tables: {{adapter: duckdb, path: /var/lib/floe/kept.duckdb, schema: kept, catalog: tables}}
default_target: tables
transforms: [{{type: dbt, path: transform}}]
"""
MODELS = {
    "rows.sql": "select 1 as n union all select 2 union all select 40",
    # The view is what makes it slow, and only where PostgreSQL asks it.
    "slow.sql": "{{ config(enabled=target.type == 'postgres') }} select 1 as n from pg_sleep(20)",
    "after.sql": "{{ config(enabled=target.type == 'postgres') }} select n + 1 as n from {{ ref('slow') }}",
}
READ = """\
import json
from pathlib import Path
from pyiceberg.catalog import load_catalog
secret = lambda name: Path("/run/secrets", name).read_text().strip()
catalog = load_catalog("c", **{
    "type": "rest", "uri": "http://lake:8181", "warehouse": "s3://lake", "credential": secret("lake"),
    "s3.endpoint": "http://lake:8333", "s3.region": "us-east-1",
    "s3.access-key-id": secret("s3_id"), "s3.secret-access-key": secret("s3_key")})
table = catalog.load_table("kept.rows")
print(json.dumps([sorted(table.scan().to_arrow()["n"].to_pylist()), table.metadata.current_snapshot_id]))
"""
SECRETS = ("dagster", "lake", "s3_id", "s3_key", "warehouse")


class Platform:
    def __init__(self, engine: TestEngine, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        self.env = {name: engine.env[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG") if name in engine.env}
        self.port = ("--port", str(free_port()))

    def floe(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return floe(self.folder, *arguments, env=self.env, check=check)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "floe_images", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=self.folder, env={**os.environ, **self.env}, text=True, **pipes)  # type: ignore[call-overload,no-any-return]

    def run(self, target: str, *select: str) -> None:
        self.floe("exec", "code-server", "floe-runtime", "run", "--target", target, *select)

    def sql(self, database: str, statement: str) -> str:
        return self.floe("exec", "postgres", "--", "psql", "-d", database, "-tA", "-c", statement).stdout

    def lets_in(self, password: str) -> bool:
        address = f"postgresql://floe:{password}@127.0.0.1/kept"
        return self.floe("exec", "postgres", "--", "psql", address, "-c", "select 1", check=False).returncode == 0

    def table(self) -> object:
        """[rows, snapshot], by PyIceberg through the catalog."""
        said = self.floe("exec", "code-server", "--", "/usr/bin/python3.11", "-c", READ).stdout
        return json.loads(said.splitlines()[-1])

    def secrets(self) -> dict[str, str]:
        return {name: (self.folder / ".floe/secrets" / name).read_text().strip() for name in SECRETS}

    def volumes(self) -> list[str]:
        listed = self.engine.docker("volume", "ls", "--quiet").stdout.split()
        return [name.removeprefix(f"floe-{NAME}-") for name in sorted(listed) if name.startswith(f"floe-{NAME}-")]

    def processes(self) -> str:
        """Command lines of what somebody runs in the code server."""
        program = (
            "import glob; print([open(f, 'rb').read() for f in glob.glob('/proc/[0-9]*/cmdline') if '/1/' not in f])"
        )
        return self.floe("exec", "code-server", "--", "/usr/bin/python3.11", "-c", program, check=False).stdout

    def health(self) -> dict[str, str]:
        said = self.floe("status", "--json", check=False).stdout
        return {each["service"]: each["health"] for each in json.loads(said)["services"]}


def until(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    (folder / "transform/models").mkdir(parents=True)
    (folder / "floe.yaml").write_text(YAML)
    (folder / "transform/dbt_project.yml").write_text(
        "name: kept\nversion: '1.0'\nprofile: floe\nconfig-version: 2\nmodels: {+materialized: table}\n"
    )
    for name, text in MODELS.items():
        (folder / "transform/models" / name).write_text(text)
    return folder


@pytest.fixture
def platform(engine: TestEngine, folder: Path) -> Iterator[Platform]:
    platform = Platform(engine, folder)
    try:
        platform.floe("lock")
        platform.floe("secrets", "init")
        platform.floe("up", *platform.port)
        yield platform
    finally:
        platform.floe("down", "--volumes", check=False)
    assert platform.volumes() == []


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("engine", ["classic"], indirect=True)
def test_secrets_change_under_a_run_and_a_backup_brings_everything_back(platform: Platform, tmp_path: Path) -> None:
    platform.run("tables")
    before = platform.secrets()
    assert platform.lets_in(before["warehouse"])
    kept = tmp_path / "kept.tar"

    slow = platform.begin("exec", "code-server", "floe-runtime", "run", "--target", "prod")
    until(lambda: "pg_sleep" in platform.sql("kept", "select query from pg_stat_activity where usename = 'floe'"))
    refused = platform.floe("backup", str(kept), check=False)
    assert refused.returncode == 41
    assert "error: under way: run " in refused.stderr
    assert set(platform.health().values()) == {"healthy", "ended"}
    assert not kept.exists()

    rotated = platform.floe("secrets", "rotate", "--all", "--wait", "300")
    said = slow.communicate(timeout=60)
    assert slow.returncode == 0, said
    assert rotated.stdout.splitlines() == [f"rotated {name}" for name in SECRETS]
    assert "waiting for run " in rotated.stderr
    after = platform.secrets()
    assert not set(before.values()) & set(after.values())
    assert platform.health()["daemon"] == "healthy"
    assert (platform.lets_in(before["warehouse"]), platform.lets_in(after["warehouse"])) == (False, True)
    platform.run("prod", "--select", "rows")
    assert "everything is up" in platform.floe("up", *platform.port).stderr

    rows, history = platform.table(), platform.sql("dagster", "select run_id, status from runs order by 1")
    assert history.count("SUCCESS") == 3
    done = json.loads(platform.floe("backup", "--json", str(kept)).stdout)
    assert sorted(done["volumes"]) == ["lake", "postgres", "state"]
    assert platform.health()["webserver"] == "healthy"
    assert not [secret for secret in after.values() if secret.encode() in kept.read_bytes()]
    # Another folder of the same name does not take this one's platform for its own.
    other = tmp_path / "other"
    shutil.copytree(platform.folder, other)
    for asked in (
        ("down",),
        ("up", *platform.port),
        ("backup", str(tmp_path / "not.tar")),
        ("secrets", "rotate", "--all"),
    ):
        denied = floe(other, *asked, env=platform.env, check=False)
        said = f"error: the platform {NAME} that is here is another folder's: {platform.folder}/.floe/compose"
        assert (denied.returncode, said in denied.stderr) == (41, True), denied.stderr
    assert set(platform.health().values()) == {"healthy", "ended"}
    inside = platform.floe("restore", str(kept), check=False)
    assert (inside.returncode, "hint: `floe down` removes them" in inside.stderr) == (41, True)

    platform.floe("down", "--volumes")
    assert platform.volumes() == []
    restoring = platform.begin("restore", str(kept))
    until(lambda: {"restoring", "lake"} <= set(platform.volumes()))
    restoring.send_signal(signal.SIGKILL)
    restoring.communicate()
    unfinished = platform.floe("up", *platform.port, check=False)
    assert (unfinished.returncode, "a restore was not finished" in unfinished.stderr) == (41, True)

    platform.floe("restore", str(kept))
    assert platform.volumes() == ["lake", "postgres", "state"]
    once_more = platform.floe("restore", str(kept), check=False)
    assert (once_more.returncode, "--replace" in once_more.stderr) == (41, True)
    platform.floe("up", *platform.port)
    assert platform.table() == rows
    assert platform.sql("dagster", "select run_id, status from runs order by 1") == history
    assert platform.sql("kept", "select n from public.after") == "2\n"
    platform.run("tables")


@pytest.mark.acceptance
@pytest.mark.parametrize("engine", ["classic"], indirect=True)
def test_a_run_by_hand_is_under_way_from_its_first_second_to_its_last(platform: Platform) -> None:
    """Whatever Dagster has of it."""
    just = platform.begin("exec", "code-server", "floe-runtime", "run", "--target", "prod", "--select", "rows")
    until(lambda: "floe-runtime" in platform.processes())
    rotated = platform.floe("secrets", "rotate", "warehouse", "--wait", "300")
    told = just.communicate(timeout=60)
    assert just.returncode == 0, told
    assert "waiting for " in rotated.stderr
