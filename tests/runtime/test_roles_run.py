"""The role ``run`` and ``doctor`` on a real DuckDB file: what they say, and the exit code."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from floe_images.artifacts.events import NodeFinished, RunFinished, RunStarted, from_line
from tests.support.roles import Home, alive, make_home, serving


@pytest.fixture(scope="module")
def home(runtime_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_home(runtime_python, tmp_path_factory.mktemp("run"))


def test_events_are_all_of_stdout_and_the_exit_code_is_the_outcome(home: Home) -> None:
    done = home.floe("run", "--select", "quick", "wrong", "broken", "--events")
    events = [from_line(line) for line in done.stdout.splitlines()]
    assert isinstance(events[0], RunStarted)
    assert (events[0].job, events[0].target, events[0].adapter) == ("all", "dev", "duckdb")
    nodes = {event.name: event for event in events if isinstance(event, NodeFinished)}
    assert {name: node.status for name, node in nodes.items() if node.resource_type == "model"} == {
        "quick": "success",
        "wrong": "success",
        "broken": "error",
    }
    assert nodes["quick"].rows == 5
    assert isinstance(events[-1], RunFinished)
    assert events[-1].outcome == "models_failed"
    assert done.returncode == 61


def test_an_interrupt_ends_it_and_what_it_started(home: Home) -> None:
    with serving(home, "run", "--select", "slow") as run:
        run.wait_for(" on target dev (duckdb)")
        time.sleep(2)
        family = run.family()
        assert family
        code, seconds = run.end(signal.SIGTERM)
        assert (code, seconds < 9.5) == (130, True)
        assert run.lines()[-1].startswith("interrupted")
        assert [pid for pid in family if alive(pid)] == []
    assert list(Path(home.environ["FLOE_STATE_DIR"]).glob("*.writer")) == []


def test_the_doctor_finds_nothing_and_then_everything(home: Home) -> None:
    done = home.floe("doctor")
    lines = [line.split(None, 2) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stdout
    assert [status for status, *_ in lines if status != "ok"] == []
    said = {what: text for _, what, text in lines}
    assert said["manifest"].startswith("dev, project/transform: 5 models, 2 tests, dbt 1.")
    assert said["metadata"].startswith("SQLite under ")
    manifest = next((home.folder / "home/manifests").rglob("manifest.json"))
    away = manifest.rename(manifest.with_suffix(".away"))
    manifest.write_text("[]")
    try:
        done = home.floe("doctor", env={"FLOE_STATE_DIR": "/nonexistent/state"})
    finally:
        away.rename(manifest)
    faults = [line for line in done.stdout.splitlines() if line.startswith("fault")]
    assert done.returncode == 1
    assert "/nonexistent/state cannot be written" in faults[0]
    assert "this is not a dbt manifest" in faults[1]
    assert len(faults) == 2
