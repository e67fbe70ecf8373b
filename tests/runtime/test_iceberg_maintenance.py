"""Snapshots expire, orphans go, small files are rewritten: on S3 with a REST catalog, and on local files."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.catalogs import Catalogs
from tests.support.flights import ROOT
from tests.support.lake import Lake
from tests.support.lake import lake as lake
from tests.support.runtime import run_inside

SCRIPT = ROOT / "tests" / "runtime" / "inside" / "maintain_tables.py"


@pytest.mark.parametrize("kind", ["rest", "local"])
def test_only_what_nothing_needs_goes(kind: str, lake: Lake, runtime_python: Path, tmp_path: Path) -> None:
    local = {"type": "sql", "uri": f"sqlite:///{tmp_path}/c/catalog.sqlite", "warehouse": f"file://{tmp_path}/c"}
    # SeaweedFS takes no file into a table's folder that is none of Iceberg's.
    order = {"name": "kept", "properties": lake.properties if kind == "rest" else local, "foreign": kind == "local"}
    done = subprocess.run(
        [str(runtime_python), "-W", "ignore", str(SCRIPT)],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    ten = list(range(100, 110))
    assert {"kept.one", "kept.one_more"} <= set(found["tables"])
    assert found["rows"] == ten
    # Everything is new: a file that nothing refers to may belong to a write that is under way.
    assert found["young"] == {"rewrite": None, "expire": 0, "remove": []}
    # 8 snapshots, of which the newest two stay; the rows of the others are in files that nothing else needs.
    assert found["dry"]["expire"] == 6
    assert "orphan.parquet" in found["dry"]["remove"]
    assert len(found["dry"]["remove"]) > 6
    assert found["dry_changed_nothing"]
    assert found["snapshots"] == [8, 2]
    # The delete and the append of the last overwrite are left, and both can be read.
    assert found["after"] == [ten, [], ten]
    assert "orphan.parquet" not in found["again"]["remove"]
    assert found["again"]["expire"] == 0
    assert found["others"]
    assert found.get("foreign", True)
    assert found["small"]["rewrite"] == 8
    assert found["files"] == 2
    assert found["still"] == 40


def test_the_role(tmp_path: Path, runtime_python: Path, lake: Lake) -> None:
    catalogs = Catalogs.make(
        tmp_path / "w", runtime_python, lake, {"models/one.sql": "select 1 as id"}, namespace="role"
    )

    def maintain(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        options = ["-m", "floe_images.runtime.main", "maintain", *arguments]
        return run_inside(runtime_python, options, env=catalogs.world.env, check=check)

    assert json.loads(maintain("--dry-run", "--json", "folder").stdout) == {"dry_run": True, "tables": []}
    assert maintain("folder").stdout == "nothing to do\n"
    done = maintain("--orphans", "2h", check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "error: --orphans must be a day or more\nhint: a younger file may belong to a write under way\n",
    )
    assert maintain("nowhere", check=False).stderr.startswith("error: no catalog 'nowhere' in floe.yaml\n")
    (catalogs.world.folder / "secrets" / "lake").write_text("somebody:unbelievable-secret\n")
    done = maintain("lake", check=False)
    assert (done.returncode, "unbelievable-secret" in done.stderr) == (62, False), done.stderr
