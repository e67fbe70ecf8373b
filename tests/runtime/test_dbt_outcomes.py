"""How dbt's invocations end: outcome, one line, and no secret in anything that is told."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from floe_images.artifacts.events import Column, to_line
from tests.support.dbt_world import World
from tests.support.postgres import Postgres

FILES = {
    "models/broken.sql": "{{ config(materialized='table') }} select 1/0 as n, nothing from nowhere",
    "models/after.sql": "select * from {{ ref('broken') }}",
    "models/fine.sql": "{{ config(materialized='table') }} select 1 as n",
    "models/more.sql": "{{ config(materialized='incremental') }} select 2 as n, 'x'::varchar(7) as word",
    "tests/fine_is_two.sql": "select * from {{ ref('fine') }} where n <> 2",
}
PG = {"target": "pg"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, runtime_python: Path) -> World:
    return World.make(tmp_path_factory.mktemp("outcomes") / "w", runtime_python, FILES)


def test_models_tests_and_selections_that_fail(world: World) -> None:
    models, tests, unknown, missing = world.run(
        {}, {"select": ["fine"]}, {"target": "none"}, PG
    )  # fmt: skip
    assert models.end.outcome == "models_failed"
    assert (models.end.message or "").startswith("model broken failed: ")
    assert {name: node.status for name, node in models.finished.items()} == {
        "broken": "error", "after": "skipped", "fine": "success", "more": "success", "fine_is_two": "fail",
    }  # fmt: skip
    assert models.finished["fine_is_two"].failures == 1
    assert tests.end.outcome == "tests_failed"
    assert tests.end.message == "test fine_is_two failed: Got 1 result, configured to fail if != 0"
    assert (unknown.end.outcome, unknown.end.message) == (
        "configuration", "no target 'none' in floe.yaml (the targets are: dev, pg)",
    )  # fmt: skip
    assert missing.end.outcome == "configuration"
    assert "targets.pg.password needs the secret shop_password" in (missing.end.message or "")


def test_profiles_of_others_and_dbt_cloud(tmp_path: Path, runtime_python: Path) -> None:
    cloud = World.make(tmp_path / "cloud", runtime_python, {**FILES, "profiles.yml": "mine: {}\n"})
    (well,) = cloud.run({"select": ["more"], "command": "parse"})
    assert well.end.outcome == "success"
    assert well.said[0] == f"{cloud.project}/profiles.yml is not read: the profile comes from floe.yaml"
    text = (cloud.project / "dbt_project.yml").read_text()
    cloud.write({"dbt_project.yml": text + "dbt-cloud:\n  project-id: 1\n"})
    (refused,) = cloud.run()
    assert refused.end.outcome == "configuration"
    assert (refused.end.message or "").startswith(f"{cloud.project}/dbt_project.yml:5: dbt Cloud is not used here")


def test_postgres_and_its_secrets(world: World, postgres: Postgres) -> None:
    """A run; a password that is wrong; a server that is not there. None of their events holds the password."""
    with postgres.new_database("outcomes") as name:
        on = world.on(postgres, name)
        (run,) = on.run({**PG, "select": ["fine", "more"], "exclude": ["fine_is_two"]})
        assert run.end.outcome == "success", run.end
        assert {name: node.rows for name, node in run.finished.items()} == {"fine": 1, "more": 1}
        assert run.finished["more"].columns == (
            Column(name="n", type="integer"),
            Column(name="word", type="character varying(7)"),
        )
        assert postgres.psql("select n, word from public.more", database=name) == [("2", "x")]
        left = "select count(*) from pg_stat_activity where datname = 'outcomes' and application_name <> 'psql'"
        assert postgres.psql(left) == [("0",)]
        (world.folder / "secrets" / "shop_password").write_text("canary/+ %7 'wrong'\n")
        (wrong,) = on.run(PG)
        assert wrong.end.outcome == "infrastructure"
        assert 'password authentication failed for user "floe"' in (wrong.end.message or "")
        (gone,) = world.on(replace(postgres, port=1), name).run(PG)
        assert gone.end.outcome == "infrastructure"
        assert "Connection refused" in (gone.end.message or "")
    told = "".join(to_line(event) for run in (run, wrong, gone) for event in run.events)
    assert postgres.password not in told
    assert "canary" not in told


def test_the_role_dbt_waits_for_its_turn_as_well(world: World) -> None:
    command = [str(world.python), "-m", "floe_images.runtime.main", "dbt", "run", "--select", "fine"]
    lock = (
        "import pathlib, sys; from floe_images.runtime.dbt.lock import WriterLock;"
        "lock = WriterLock(pathlib.Path(sys.argv[1]), run='elsewhere'); lock.acquire(print);"
        "print('held', flush=True); sys.stdin.readline(); lock.release()"
    )
    holder = subprocess.Popen(
        [str(world.python), "-c", lock, str(world.database)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=world.environ,
    )  # fmt: skip
    assert holder.stdout
    assert holder.stdin
    assert holder.stdout.readline() == "held\n"
    role = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=world.environ)
    assert role.stderr
    assert role.stderr.readline() == (
        f"floe-runtime: waiting for the run elsewhere (process {holder.pid}), which writes to {world.database}\n"
    )
    assert role.poll() is None
    holder.communicate("go\n")
    stdout, stderr = role.communicate(timeout=120)
    assert (role.returncode, stderr) == (0, "")
    assert "OK created sql table model main.fine" in stdout
    assert list((world.folder / "tmp").glob("floe-dbt-*")) == []
