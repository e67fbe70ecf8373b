"""Projects whose Jinja asks for the time, for chance and for the environment, with real dbt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.support.dbt_world import World
from tests.support.flights import ROOT
from tests.support.runtime import run_inside

ASKS = """\
{{ config(materialized='table', tags=[run_started_at.strftime('y%Y')], meta={
    'id': invocation_id, 'now': modules.datetime.datetime.now() | string, 'one': ['a', 'b', 'c'] | random,
    'zone': modules.datetime.datetime.now(modules.pytz.timezone('Asia/Tokyo')).isoformat(),
    'yesterday': (modules.datetime.date.today() - modules.datetime.timedelta(days=1)) | string,
    'made': modules.datetime.datetime(2024, 2, 3) | string,
    'parsed': modules.datetime.datetime.strptime('2024', '%Y') | string,
    'home': env_var('HOME', 'none'), 'tmp': env_var('TMPDIR', 'none'), 'floe': env_var('FLOE_HOME', 'none'),
    'python': env_var('PYTHONHOME', 'none'), 'host': env_var('HOSTNAME', 'none'), 'data': env_var('FLOE_DATA_DIR'),
    'md5': local_md5(env_var('FLOE_DATA_DIR') ~ env_var('DBT_PROJECT_DIR') ~ env_var('DBT_PROFILES_DIR')),
}) }}
select '{{ run_started_at.isoformat() }}' as started
"""
# Only what is compiled at run looks at the clock.
LATER = """\
{{ config(materialized='table') }}
select '{{ run_started_at.isoformat() }}' as started, '{{ modules.datetime.datetime.utcnow().isoformat() }}' as now,
    '{{ invocation_id }}' as id, '{{ env_var("HOME") }}' as home, '{{ env_var("TMPDIR", "none") }}' as tmp
"""


def sealed(world: World, name: str, **env: str) -> bytes:
    """The manifest as `floe build` makes it, in a process that has ``env``, too."""
    file = world.folder / name
    script = str(ROOT / "tests" / "runtime" / "inside" / "read_sealed.py")
    run_inside(world.python, [script, str(file)], env={**world.env, **env})
    return file.read_bytes()


def meta(manifest: bytes, model: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(manifest)["nodes"][f"model.shop.{model}"]["config"]["meta"]
    return found


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory, runtime_python: Path) -> bytes:
    """Made by two processes in folders of different lengths, with different homes and at different times."""
    made = []
    for number, folder in enumerate(("a", "b/much/deeper")):
        root = tmp_path_factory.mktemp("asking") / folder
        world = World.make(root, runtime_python, {"models/asks.sql": ASKS})
        made.append(sealed(world, "m.json", HOME=f"/home/{number}", PYTHONHASHSEED=str(number), HOSTNAME=f"h{number}"))
    assert made[0] == made[1]
    return made[0]


def test_a_project_sees_the_epoch_and_what_a_container_has(asking: bytes) -> None:
    found = dict(meta(asking, "asks"))
    assert found.pop("md5")
    assert found == {
        "id": "00000000-0000-0000-0000-00006553f100",
        "now": "2023-11-14 22:13:20",
        "zone": "2023-11-15T07:13:20+09:00",
        "yesterday": "2023-11-13",
        "made": "2024-02-03 00:00:00",
        "parsed": "2024-01-01 00:00:00",
        "one": "a",
        "home": "/tmp",
        "tmp": "none",
        "floe": "none",
        "python": "none",
        "host": "none",
        "data": "/opt/floe/data",
    }
    assert json.loads(asking)["nodes"]["model.shop.asks"]["tags"] == ["y2023"]


def test_a_run_reads_a_project_again_whose_manifest_depends_on_when_it_was_made(
    asking: bytes, tmp_path: Path, runtime_python: Path
) -> None:
    assert "floe_clock" in json.loads(asking)["metadata"]["env"]
    world = World.make(tmp_path / "w", runtime_python, {"models/asks.sql": ASKS})
    (world.folder / "asking.json").write_bytes(asking)
    world.carry(world.folder / "asking.json")
    (run,) = world.run({"select": [f"tag:y{datetime.now(timezone.utc).year}"]})
    assert (run.end.outcome, set(run.finished)) == ("success", {"asks"})


@pytest.mark.acceptance
def test_a_manifest_serves_where_only_what_is_compiled_looks_at_the_clock(tmp_path: Path, runtime_python: Path) -> None:
    """As in a container: with its HOME and without a TMPDIR."""
    world = World.make(tmp_path / "w", runtime_python, {"models/later.sql": LATER})
    made = sealed(world, "later.json", HOME="/home/somebody")
    assert "floe_clock" not in json.loads(made)["metadata"]["env"]
    world.carry(world.folder / "later.json")
    world.write({"models/broken.sql": "{{ this is no dbt }}"})  # only somebody who reads the project would see it
    before = datetime.now(timezone.utc)
    container = {name: value for name, value in world.env.items() if name != "TMPDIR"}
    there = World(folder=world.folder, python=world.python, env={**container, "HOME": "/tmp"})
    (run,) = there.run({})
    assert (run.end.outcome, run.end.message) == ("success", None)
    ((started, now, identity, home, tmp),) = world.query("select * from later")
    assert before <= datetime.fromisoformat(started) <= datetime.now(timezone.utc)
    assert abs(datetime.fromisoformat(now + "+00:00") - datetime.fromisoformat(started)).total_seconds() < 300
    assert (home, tmp, identity.startswith("00000000")) == ("/tmp", "none", False)
