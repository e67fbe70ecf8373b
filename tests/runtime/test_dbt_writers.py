"""One writer a DuckDB file: runs wait for each other and for readers, and a killed one leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.dbt_world import World, runs_of

# The lines of `numbers` are added to by every run; a run that is cut off must add none.
FILES = {
    "models/numbers.sql": (
        "{{ config(materialized='incremental') }} select '{{ invocation_id }}' as run, range as n from range(1000)"
    ),
    "models/totals.sql": (
        "{{ config(materialized='table') }} select run, count(*) as n from {{ ref('numbers') }} group by 1"
    ),
    "models/late.py": """
import time
from dataclasses import replace

def model(dbt, session):
    dbt.config(materialized='table')
    dbt.ref('numbers')
    session.sql('create table torn as select range as n from range(100000)')
    print('asleep', flush=True)
    time.sleep(60)
    return session.sql('select 1 as one')
""",
    "models/endless.sql": (
        "{{ config(materialized='table', tags=['endless']) }} "
        "select count(*) as m from {{ ref('numbers') }} c, range(1000000000) a where a.range % 7777 = c.n"
    ),
}
QUICK = {"exclude": ["late", "endless"]}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory, runtime_python: Path) -> Path:
    folder = tmp_path_factory.mktemp("numbers")
    return World.make(folder / "w", runtime_python, FILES).parse(folder / "manifest.json")


@pytest.fixture
def world(tmp_path: Path, runtime_python: Path, manifest: Path) -> World:
    made = World.make(tmp_path / "w", runtime_python, FILES)
    made.carry(manifest)
    return made


def test_two_runs_and_a_reader_at_once(world: World) -> None:
    """All started together: both runs end well and each one's rows are there; the reader keeps what it had open."""
    reader = _reader(world)
    try:
        process = world.start(QUICK, QUICK)
        lines = []
        assert process.stdout
        for line in process.stdout:
            lines.append(line)
            if "has" in line and "open, for up to" in line and reader.poll() is None:
                assert reader.stdin
                reader.stdin.write("go\n")
                reader.stdin.flush()
        assert process.wait(60) == 0
    finally:
        read, _ = reader.communicate(timeout=60)
    runs = runs_of(lines)
    assert [run.end.outcome for run in runs] == ["success", "success"]
    assert sorted(node.rows for run in runs for node in [run.finished["numbers"]]) == [1000, 2000]
    assert world.query("select n from totals") == [[1000], [1000]]
    assert read == "7\n"
    said = [line for run in runs for line in run.said]
    waited = [line for line in said if line.startswith("waiting for the run run-")]
    assert len(waited) == 1
    assert re.fullmatch(rf"waiting for the run run-[01] \(process \d+\), which writes to {world.database}", waited[0])
    (foreign,) = [line for line in said if line.startswith("waiting for process ")]
    assert f"waiting for process {reader.pid} (" in foreign
    assert [path.name for path in (world.folder / "state").iterdir()] == ["shop.duckdb"]


def _reader(world: World) -> subprocess.Popen[str]:
    """Somebody else's process that has the file open until it is told something, and reads once more then."""
    code = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); c.execute('create table theirs as select 7'); c.close();"
        "c = duckdb.connect(sys.argv[1], read_only=True);"
        "sys.stderr.write('open\\n'); sys.stderr.flush(); sys.stdin.readline();"
        "print(c.execute('from theirs').fetchone()[0]); c.close()"
    )
    process = subprocess.Popen(
        [str(world.python), "-c", code, str(world.database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=world.environ,
    )
    assert process.stderr
    assert process.stderr.readline() == "open\n"
    return process


@pytest.mark.acceptance
def test_a_reader_that_stays_is_named_when_the_patience_ends(world: World) -> None:
    reader = _reader(world)
    try:
        impatient = replace(world, env={**world.env, "FLOE_DUCKDB_WAIT": "1"})
        (run,) = impatient.run(QUICK)
    finally:
        reader.communicate("go\n", timeout=60)
    assert run.end.outcome == "infrastructure"
    assert f"PID {reader.pid}" in (run.end.message or "")


@pytest.mark.parametrize("whom", ["worker", "parent"])
def test_kill_in_the_middle_and_the_next_run_is_well(world: World, whom: str) -> None:
    process = world.start({"select": ["numbers", "late"]})
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line)
        if '"text": "asleep"' in line:
            break
    worker = int(subprocess.check_output(["pgrep", "-P", str(process.pid)], text=True))
    os.kill(worker if whom == "worker" else process.pid, signal.SIGKILL)
    rest, _ = process.communicate(timeout=60)
    if whom == "worker":
        (run,) = runs_of([*lines, *rest.splitlines()])
        assert run.end.outcome == "infrastructure"
        assert run.end.message == "the dbt process was ended by SIGKILL, as the kernel does when memory runs out"
    else:
        _gone(worker)  # within five seconds, whatever dbt is at
    (after,) = world.run(QUICK)
    assert after.end.outcome == "success", after.end
    assert world.query("select n from totals") == [[1000], [1000]]
    assert world.query("select count(*) from duckdb_tables() where table_name like '%tmp%' or table_name = 'late'") == [
        [0]
    ]


def _gone(pid: int) -> None:
    end = time.monotonic() + 6
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError(f"the worker {pid} outlives its parent")


def test_an_interrupt_cancels_the_query_and_leaves_nothing(world: World) -> None:
    process = world.start({"select": ["numbers", "endless"]})
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "node_started" in line and "endless" in line:
            break
    worker = int(subprocess.check_output(["pgrep", "-P", str(process.pid)], text=True))
    begin = time.monotonic()
    os.kill(worker, signal.SIGTERM)
    os.kill(worker, signal.SIGINT)  # one more does not disturb
    rest, _ = process.communicate(timeout=60)
    took = time.monotonic() - begin
    (run,) = runs_of([*lines, *rest.splitlines()])
    assert (run.end.outcome, run.end.message) == ("interrupted", "interrupted")
    assert took < 5
    assert [path.name for path in (world.folder / "state").iterdir()] == ["shop.duckdb"]
    assert list((world.folder / "tmp").iterdir()) == []
    assert world.query("select table_name from duckdb_tables() order by 1") == [["numbers"]]
