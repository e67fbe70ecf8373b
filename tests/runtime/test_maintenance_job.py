"""The job that looks after Iceberg tables, executed by Dagster; when it fires is in test_triggers.py."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from floe_images.artifacts.codec import decode, encode
from floe_images.artifacts.model import CatalogArtifact, MaintenanceArtifact, Settings
from tests.support.dbt_world import World
from tests.support.flights import ROOT
from tests.support.runtime import run_inside


def test_it_does_what_floe_yaml_says_and_tells_dagster(runtime_python: Path, tmp_path: Path) -> None:
    world = World.make(tmp_path / "w", runtime_python, {"models/one.sql": "select 1 as id"})
    world.carry(world.parse(tmp_path / "manifest.json"))
    file = world.folder / "home" / "artifacts.json"
    made = decode(file.read_bytes(), where="artifacts")
    out = CatalogArtifact(name="out", type="local", settings=Settings((("warehouse", "/var/lib/floe/out"),)))
    wanted = MaintenanceArtifact(cron="@daily", timezone="UTC", catalogs=("out",), keep=1, keep_last=1, orphans=86400)
    orchestration = replace(made.orchestration, maintenance=wanted)
    file.write_bytes(encode(replace(made, catalogs=(out,), orchestration=orchestration)))
    script = str(ROOT / "tests" / "runtime" / "inside" / "run_maintenance.py")
    dry, done, broken = json.loads(run_inside(runtime_python, ["-W", "ignore", script], env=world.env).stdout)
    said = {"success": True, "tables": 1, "snapshots": 2, "files": 0, "rewritten": 0}
    assert dry == {**said, "dry_run": True, "left": 3}
    assert done == {**said, "dry_run": False, "left": 1}
    assert not broken["success"]
    assert "file is not a database" in broken["why"]
