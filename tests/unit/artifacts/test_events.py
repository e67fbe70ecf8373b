"""Events as lines: what one process says is what the other reads."""

from __future__ import annotations

import pytest

from floe_images.artifacts.events import (
    Column,
    Event,
    NodeFinished,
    NodeStarted,
    RunFinished,
    RunStarted,
    Said,
    from_line,
    to_line,
)

EVENTS: tuple[Event, ...] = (
    RunStarted(
        run_id="r", job="all", transform="project/t", target="dev", adapter="duckdb",
        select=("tag:nightly", "a+"), exclude=(), partition=None, at=1,
    ),
    NodeStarted(unique_id="model.t.a", at=2),
    Said(level="info", text="two\nlines", unique_id=None, at=3),
    NodeFinished(
        unique_id="model.t.a", resource_type="model", name="a", status="success", started_at=2, at=4, rows=7,
        failures=None, columns=(Column(name="x", type="BIGINT"),), relation='"db"."main"."a"', sql="select 1 as x",
        message="OK",
    ),
    RunFinished(outcome="success", message=None, at=5),
)  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_is_one_line_and_reads_back_as_itself(event: Event) -> None:
    line = to_line(event)
    assert line.count("\n") == 1
    assert from_line(line) == event


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"event":"x"}', '{"event":"node_started"}', '"a"'])
def test_anything_else_is_no_event(line: str) -> None:
    with pytest.raises(ValueError):
        from_line(line)
