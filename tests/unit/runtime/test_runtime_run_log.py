"""What of a run's forty events is a line, and what the line says."""

from __future__ import annotations

import io
import json
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from floe_images.runtime import log
from floe_images.runtime.run_log import Told


def _record(level: int, message: str, kind: str | None = None, error: str | None = None) -> logging.LogRecord:
    record = logging.LogRecord("dagster.run", level, "", 0, "all - r - 7 - step - " + message, (), None)
    data = SimpleNamespace(error=SimpleNamespace(message=error) if error else None)
    event = SimpleNamespace(event_type=SimpleNamespace(value=kind), event_specific_data=data) if kind else None
    meta: dict[str, Any] = {
        "run_id": "r", "job_name": "all", "step_key": None, "orig_message": message, "dagster_event": event
    }  # fmt: skip
    record.dagster_meta = meta
    return record


def _lines(*records: logging.LogRecord, lowest: int = logging.INFO, form: str = "json") -> list[str]:
    stream = io.StringIO()
    handler = log.make_handler("run", {"FLOE_LOG": form}, stream=stream)
    handler.addFilter(Told(lowest))
    for record in records:
        handler.handle(record)
    return stream.getvalue().splitlines()


def test_what_was_done_is_told_and_dagster_s_own_steps_are_not() -> None:
    lines = _lines(
        _record(logging.DEBUG, "Yielded output.", "STEP_OUTPUT"),
        _record(logging.DEBUG, "Materialized value a.", "ASSET_MATERIALIZATION"),
        _record(logging.INFO, "Running with dbt"),
        _record(logging.DEBUG, "a detail of dbt's"),
    )
    found = [json.loads(line) for line in lines]
    assert [(each["level"], each["message"], each.get("event")) for each in found] == [
        ("info", "Materialized value a.", "ASSET_MATERIALIZATION"),
        ("info", "Running with dbt", None),
    ]
    assert {each["run"] for each in found} == {"r"}
    assert {each["job"] for each in found} == {"all"}
    assert "step" not in found[0]


def test_a_failure_is_one_line_without_a_stack_trace() -> None:
    (line,) = _lines(_record(logging.ERROR, "Step failed.", "STEP_FAILURE", "Failure: model x\nfailed"), form="text")
    assert line.partition(" error   run dagster.run: ")[2] == "r: Step failed. Failure: model x | failed"


@pytest.mark.parametrize(("lowest", "told"), [(logging.INFO, 2), (logging.WARNING, 1)])
def test_where_stdout_says_what_was_done_only_faults_are_left(lowest: int, told: int) -> None:
    records = (
        _record(logging.DEBUG, "Materialized value a.", "ASSET_MATERIALIZATION"),
        _record(logging.ERROR, "Step failed.", "STEP_FAILURE"),
    )
    assert len(_lines(*records, lowest=lowest)) == told
