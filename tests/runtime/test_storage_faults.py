"""Dagster's storage in faulty places: a full disk, a damaged file, a file in the way: one line, and an exit code."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support import roles
from tests.support.chaos import small_disk
from tests.support.roles import Home, free_port, make_home, serving

FREE = "hint: free some space on the state volume, and start it again"
MOVE = "hint: restore a backup, or move it away: the history of runs starts anew then, and no data is lost"
NOT_READY = "Dagster's storage cannot be made ready"
LONG = pytest.mark.acceptance
ROLES = ["run", *(pytest.param(each, marks=LONG) for each in ("dev", "webserver", "daemon", "code-server"))]


@pytest.fixture(scope="module")
def home(runtime_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(roles.FILES, "models/big.sql", "select random() as n, uuid() as id from range(2000000)\n")
        return make_home(runtime_python, tmp_path_factory.mktemp("storage"))


def refused(home: Home, state: Path, role: str) -> tuple[int, list[str]]:
    """The exit code, and the lines that are no events of the log."""
    port = ("--port", str(free_port())) if role not in ("daemon", "run") else ()
    with serving(home, role, *port, *(("--select", "quick") if role == "run" else ()),
                 env={"FLOE_STATE_DIR": str(state)}) as server:  # fmt: skip
        code = server.process.wait(90)
    assert "Traceback" not in server.log.read_text()
    return code, [line for line in server.lines() if line.startswith(("error: ", "hint: "))]


@pytest.mark.parametrize("role", ROLES)
def test_a_full_disk(home: Home, tmp_path: Path, role: str) -> None:
    state = tmp_path / "state"
    with small_disk(state, 100_000):
        assert refused(home, state, role) == (
            50,
            [f"error: {state}/dagster: {NOT_READY}: no space left on the device", FREE],
        )


def test_a_disk_without_one_byte(home: Home, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with small_disk(state, 50_000):
        with pytest.raises(OSError, match="No space"):
            (state / "ballast").write_bytes(bytes(500_000))
        assert refused(home, state, "run") == (
            50,
            [f"error: {state}: the state volume is full", "hint: free some space on it, and start it again"],
        )


@pytest.mark.acceptance
def test_a_disk_that_is_full_in_the_middle(home: Home, tmp_path: Path) -> None:
    """First of Dagster's records, then of dbt's data; with more space the next run succeeds."""
    state = tmp_path / "state"
    at = {"FLOE_STATE_DIR": str(state)}
    with small_disk(state, 400_000) as resize:
        done = home.floe("run", "--select", "quick", env=at)
        assert (done.returncode, done.stderr.splitlines()[-2:]) == (
            50,
            [
                f"error: {state}/dagster: Dagster's storage was lost in the middle of the run: "
                "no space left on the device",
                FREE,
            ],
        )
        resize(3_000_000)
        done = home.floe("run", "--select", "big", env=at)
        assert done.returncode in (50, 62), done.stderr
        said = (done.stdout + done.stderr).lower()
        assert ("no space left on" in said, "traceback" in said) == (True, False)
        resize(30_000_000)
        done = home.floe("run", "--select", "quick", env=at)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("role", ROLES)
def test_a_damaged_file(home: Home, tmp_path: Path, role: str) -> None:
    file = tmp_path / "state" / "dagster" / "history" / "runs.db"
    file.parent.mkdir(parents=True)
    file.write_text("no database, and longer than SQLite's header is")
    assert refused(home, tmp_path / "state", role) == (
        51,
        [f"error: {file}: {NOT_READY}: its file is damaged (file is not a database)", MOVE],
    )
    if role == "run":  # what the hint says
        file.unlink()
        done = home.floe("run", "--select", "quick", env={"FLOE_STATE_DIR": str(tmp_path / "state")})
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("role", ROLES)
def test_a_file_in_the_way(home: Home, tmp_path: Path, role: str) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "dagster").write_text("")
    assert refused(home, state, role) == (
        51,
        [f"error: {state}/dagster: {NOT_READY}: a file lies where its folder belongs", "hint: move the file away"],
    )


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.skipif(os.name == "nt", reason="mounts are Linux's")
def test_a_read_only_volume(home: Home, tmp_path: Path, role: str) -> None:
    state = tmp_path / "state"
    with small_disk(state, 1_000_000):
        subprocess.run(["mount", "-o", "remount,ro", str(state)], check=True)
        code, lines = refused(home, state, role)
    assert (code, lines[0]) == (51, f"error: {state}: the state volume cannot be written: Read-only file system")
