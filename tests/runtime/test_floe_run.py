"""`floe run` for real: an environment of the lock's pins, dbt on DuckDB, every exit code, Ctrl-C and kill -9."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from floe_images.engine.environment.host import find_python
from tests.support.chaos import small_disk
from tests.support.flights import BuiltProject, copy_project, floe

ROOT = Path(__file__).parents[2]
FILES = {
    "dbt_project.yml": "name: small\nversion: '1.0'\nprofile: small\nmodels: {small: {+materialized: table}}\n",
    "models/a.sql": "select range as id from range(100)\n",
    "models/b.sql": "select id * 2 as id from {{ ref('a') }}\n",
    "models/schema.yml": "models: [{name: a, columns: [{name: id, data_tests: [unique, not_null]}]}]\n",
    "models/bad.sql": "select error('no such luck') as id\n",
    "models/after_bad.sql": "select * from {{ ref('bad') }}\n",
    # Longer than any test waits, and ended by DuckDB's own interrupt.
    "models/slow.sql": "select count(*) as n from {{ ref('a') }}, range(10000000) x, range(10000000) y\n",
    "tests/never_true.sql": "select id from {{ ref('b') }} where id < 6\n",
}


@pytest.fixture(scope="module")
def project(flights: BuiltProject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flights example's floe.yaml and lock, with small models."""
    folder = copy_project(flights, tmp_path_factory.mktemp("run") / "small")
    shutil.rmtree(folder / "transform")
    for path, text in FILES.items():
        (folder / "transform" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "transform" / path).write_text(text)
    return folder


def run(project: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return floe(project, "run", *arguments, env=env, check=False)


def database(project: Path) -> Path:
    return project / ".floe" / "state" / "flights.duckdb"


def ask(project: Path, sql: str) -> list[list[Any]]:
    """What the database of the last run says, asked by the environment's own DuckDB."""
    (extension,) = (project / ".floe" / "home" / "duckdb").rglob("httpfs.duckdb_extension")
    site = extension.resolve().parents[3]
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r}); import duckdb, json; "
        f"print(json.dumps(duckdb.connect({str(database(project))!r}, read_only=True).execute({sql!r}).fetchall()))"
    )
    done = subprocess.run([find_python("3.11").path, "-c", code], capture_output=True, text=True, check=True)
    rows: list[list[Any]] = json.loads(done.stdout)
    return rows


def left_over(project: Path) -> list[str]:
    """Processes that still run in the project's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            ours = entry.name.isdecimal() and f"{project}/.floe".encode() in (entry / "environ").read_bytes()
            if ours and (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def test_a_success(project: Path) -> None:
    done = run(project, "--select", "a+", "--exclude", "slow never_true")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["ASSET", "STATUS", "ROWS", "TIME"]
    assert [line[:3] for line in lines[1:3]] == [["a", "ok", "100"], ["b", "ok", "100"]]
    assert done.stdout.splitlines()[3].startswith("2 assets: 2 ok; 2 tests: 2 ok; ")
    assert ask(project, "select sum(id) from b") == [[9900]]


def test_a_failing_test_and_json(project: Path) -> None:
    done = run(project, "--select", "b never_true", "--json")
    assert done.returncode == 60, done.stderr
    assert "test never_true: failed" in done.stderr
    assert "Got 3 results, configured to fail if != 0" in done.stderr
    assert done.stderr.splitlines()[-2] == "error: 1 test (never_true) failed"
    said = json.loads(done.stdout)
    assert (said["outcome"], said["target"], said["unfinished"]) == ("tests_failed", "dev", [])
    nodes = {node["name"]: (node["type"], node["status"], node["rows"], node["failures"]) for node in said["nodes"]}
    assert nodes == {"b": ("model", "success", 100, None), "never_true": ("test", "fail", None, 3)}


def test_a_failing_model(project: Path) -> None:
    done = run(project, "--select", "bad+")
    assert done.returncode == 61, done.stderr
    assert "no such luck" in done.stderr
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:3]] == [["bad", "error"], ["after_bad", "skipped"]]
    assert done.stderr.splitlines()[-2] == "error: 1 asset (bad) failed"


def test_configuration(project: Path, tmp_path: Path) -> None:
    done = run(project, "--select", "no_such_model")
    assert done.returncode == 5, done.stderr
    assert "no_such_model" in done.stderr.splitlines()[-1] + done.stderr.splitlines()[-2]
    done = run(project, "--target", "nowhere")
    assert (done.returncode, done.stderr) == (
        2,
        "error: no target 'nowhere' in floe.yaml\nhint: the targets are: dev\n",
    )
    broken = project / "transform" / "models" / "broken.sql"
    broken.write_text("select * from {{ ref('no_such_model') }}\n")
    try:
        done = run(project)
    finally:
        broken.unlink()
    assert done.returncode == 5, done.stderr
    assert "model.small.broken" in done.stderr
    assert "Traceback" not in done.stderr


def test_infrastructure_a_database_that_another_process_holds(project: Path) -> None:
    code = "import sys, duckdb; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    (extension,) = (project / ".floe" / "home" / "duckdb").rglob("httpfs.duckdb_extension")
    holder = subprocess.Popen(
        [find_python("3.11").path, "-c", code, database(project)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(extension.resolve().parents[3])},
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == b"held\n"
        done = run(project, "--select", "a", FLOE_DUCKDB_WAIT="1")
    finally:
        holder.communicate()
    assert done.returncode == 62, done.stderr
    assert "flights.duckdb" in done.stderr.splitlines()[-1] + done.stderr.splitlines()[-2]


def test_a_state_that_is_full_and_a_storage_that_is_damaged(project: Path) -> None:
    state = project / ".floe" / "state"
    with small_disk(state, 100_000):
        full = run(project, "--select", "a")
    with small_disk(state, 5_000_000):
        file = state / "dagster" / "history" / "runs.db"
        file.parent.mkdir(parents=True)
        file.write_text("no database, and longer than SQLite's header is")
        damaged = run(project, "--select", "a")
    assert (full.returncode, full.stderr.splitlines()[-2:]) == (
        50,
        [
            f"error: {state}/dagster: Dagster's storage cannot be made ready: no space left on the device",
            "hint: free some space on the state volume, and start it again",
        ],
    )
    assert damaged.returncode == 51
    assert damaged.stderr.splitlines()[-2].startswith(f"error: {file}: Dagster's storage cannot be made ready: ")
    assert "Traceback" not in full.stderr + damaged.stderr


@pytest.fixture
def running(project: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that has made `a` and now makes `slow`; whatever went before has left it possible."""
    command = [sys.executable, "-m", "floe_images", "run", "--select=a slow"]
    process = subprocess.Popen(
        command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stderr is not None
    heard = []
    for line in process.stderr:
        heard.append(line)
        if line.startswith("model a: ok"):
            break
    else:
        raise AssertionError("".join(heard))
    time.sleep(1)
    yield process
    process.kill()
    process.communicate()


def test_control_c_ends_cleanly_and_the_next_run_succeeds(project: Path, running: subprocess.Popen[str]) -> None:
    os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert err.splitlines()[0] == "interrupted: the run is told to end (Ctrl-C again kills it)"
    assert err.splitlines()[-1].startswith("error: interrupted; 1 asset was done")
    assert ["a", "ok", "100"] in [line.split()[:3] for line in out.splitlines()]
    assert left_over(project) == []
    assert ask(project, "select count(*) from information_schema.tables where table_name like 'slow%'") == [[0]]


def test_after_kill_9_nothing_runs_on_and_the_next_run_succeeds(project: Path, running: subprocess.Popen[str]) -> None:
    assert left_over(project)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate(timeout=60)
    deadline = time.monotonic() + 30
    while left_over(project) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left_over(project) == []
    done = run(project, "--select", "a b", "--exclude", "never_true")
    assert done.returncode == 0, done.stderr
    assert ask(project, "select sum(id) from b") == [[9900]]
