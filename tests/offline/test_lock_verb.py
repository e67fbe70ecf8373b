"""`floe lock` as a program on a tiny project: what it says, what it writes, what it keeps."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from floe_images.lock.codec import read_lock
from tests.offline.conftest import Locked
from tests.support.mirror import Mirror
from tests.support.mirror_floe import assert_refused, must, plain_mirrors, run_floe
from tests.support.mirror_tiny import write_wheel

pytestmark = pytest.mark.network


def test_a_lock_that_is_fresh_asks_nobody(locked: Locked) -> None:
    with Mirror().serving() as gone:
        mirrors = plain_mirrors(gone)
    project = locked.ground.project("fresh", mirrors=mirrors, lock=locked.lock)
    env = locked.ground.environment("fresh")
    assert must(run_floe(project, env, "lock")).stdout.startswith("floe.lock is up to date: 12 Python packages")
    assert must(run_floe(project, env, "lock", "--check")).stderr == ""
    assert (project / "floe.lock").read_bytes() == locked.lock


def test_a_stale_lock(locked: Locked) -> None:
    project = locked.ground.project("stale", lock=locked.lock)
    env = locked.ground.environment("stale")
    floe_yaml = project / "floe.yaml"
    floe_yaml.write_text(floe_yaml.read_text().replace("image: {", "image: {platforms: [linux/arm64], "))
    line = assert_refused(run_floe(project, env, "lock", "--check"), 11)
    assert "platforms" in line
    done = must(run_floe(project, env, "lock", "--json"))
    told = json.loads(done.stdout)
    assert (told["written"], told["platforms"]) == (True, ["linux/arm64"])
    assert [change["name"] for change in told["changes"]] == ["duckdb"]
    new, old = read_lock((project / "floe.lock").read_bytes(), "x"), read_lock(locked.lock, "x")
    assert (new.debian, new.snapshot) == (old.debian, old.snapshot)
    assert "reading Debian's index" not in done.stderr


def test_no_lock_to_check(locked: Locked) -> None:
    project = locked.ground.project("absent")
    assert_refused(run_floe(project, locked.ground.environment("absent"), "lock", "--check"), 10)


def test_upgrade_of_one_or_of_what_is_not_there(locked: Locked, tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    newer.mkdir()
    write_wheel(newer, "dagster", "99.0")
    write_wheel(newer, "dagster-dbt", "99.0")
    mirror = Mirror(content=locked.ground.mirror.content, folders=(*locked.ground.mirror.folders, newer))
    with mirror.serving():
        project = locked.ground.project("upgrade", mirrors=plain_mirrors(mirror), lock=locked.lock)
        env = locked.ground.environment("upgrade")
        line = assert_refused(run_floe(project, env, "lock", "--upgrade", "dagstr"), 2)
        assert "dagstr" in line
        done = must(run_floe(project, env, "lock", "--upgrade", "dagster"))
    assert done.stdout.splitlines()[0].startswith("~ python dagster 1.13 → 99.0")
    assert len(done.stdout.splitlines()) == 2


def test_the_same_lock_from_a_folder(locked: Locked) -> None:
    """An index that has nothing, and the wheels in a folder."""
    mirror = Mirror(content=locked.ground.mirror.content)
    mirror.fault("simple/", "404")
    with mirror.serving():
        project = locked.ground.project("folder", mirrors=plain_mirrors(mirror))
        env = locked.ground.environment("folder")
        must(run_floe(project, env, "lock", "--find-links", locked.ground.index))
    assert (project / "floe.lock").read_bytes() == locked.lock


def test_the_export_installs_with_uv_and_with_pip(locked: Locked, tmp_path: Path) -> None:
    project = locked.ground.project("export", lock=locked.lock)
    env = locked.ground.environment("export")
    out = project / "pylock.toml"
    said = must(run_floe(project, env, "lock", "--export", "pylock", "-o", out)).stdout
    assert said == f"{out}: 12 packages\n"
    assert locked.ground.mirror.url("files/") in out.read_text()
    uv = [sys.executable, "-m", "uv"]
    wanted = {wheel.name: wheel.version for wheel in read_lock(locked.lock, "x").wheels}
    for name in ("uv", "pip"):
        venv = tmp_path / name
        run([*uv, "venv", "-q", "--python", "3.11", venv])
        if name == "uv":
            run([*uv, "pip", "sync", "-q", "--python", venv, out])
        else:
            run([*uv, "pip", "install", "-q", "--python", venv, "pip>=26.1"])
            run([venv / "bin/python", "-m", "pip", "install", "-q", "--no-deps", "-r", out])
        listed = json.loads(run([*uv, "pip", "list", "--format", "json", "--python", venv]))
        found = {entry["name"]: entry["version"] for entry in listed if entry["name"] != "pip"}
        assert found == wanted


def run(command: list[str | Path]) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
