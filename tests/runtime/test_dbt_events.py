"""dbt's events of nodes whose ``meta`` is no JSON, and of nodes whose thread goes wrong: every run tells, and ends.

pytest's own variable is in the environment of these runs: there dbt raises where it otherwise warns, in its threads.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.dbt_world import World

META = "{'run': run_started_at, 'now': modules.datetime.datetime.now(), 'some': set(['a']), 'much': 10 ** 400}"
FILES = {
    "models/told.sql": "{{ config(materialized='table', meta=" + META + ") }} select 1 as n",
    "models/dated.sql": "{{ config(materialized='table') }} select n + 1 as n from {{ ref('told') }}",
    "models/models.yml": (
        "models:\n- name: dated\n  config: {meta: {reviewed: 2026-01-31}}\n"
        "  columns:\n  - name: n\n    data_tests: [not_null]\n"
    ),
}
LEAVES = """\
import sys


def model(dbt, session):
    dbt.config(materialized="table")
    sys.exit(3)
    return None
"""


@pytest.mark.timeout(180)
def test_times_dates_and_sets_in_meta(tmp_path: Path, runtime_python: Path) -> None:
    assert "PYTEST_CURRENT_TEST" in os.environ
    world = World.make(tmp_path / "meta", runtime_python, FILES)
    (run,) = world.run()
    assert (run.end.outcome, run.end.message) == ("success", None), run.end
    assert {name: (node.unique_id, node.status, node.rows) for name, node in run.finished.items()} == {
        "told": ("model.shop.told", "success", 1),
        "dated": ("model.shop.dated", "success", 1),
        "not_null_dated_n": (run.finished["not_null_dated_n"].unique_id, "success", None),
    }
    assert [line for line in run.said if "Unable to parse" in line or "not serializable" in line] == []
    assert world.query("select n from dated") == [[2]]


@pytest.mark.timeout(180)
def test_a_model_that_leaves_its_thread(tmp_path: Path, runtime_python: Path) -> None:
    files = {"models/leaves.py": LEAVES, "models/after.sql": "select 1 as n from {{ ref('leaves') }}",
             "models/fine.sql": "select 1 as n"}  # fmt: skip
    world = World.make(tmp_path / "leaves", runtime_python, files)
    (run,) = world.run()
    assert run.end.outcome == "models_failed", run.end
    assert run.end.message == "model leaves failed: Exception on worker thread. SystemExit: 3"
    assert {name: node.status for name, node in run.finished.items()} == {
        "leaves": "error", "after": "skipped", "fine": "success",
    }  # fmt: skip
