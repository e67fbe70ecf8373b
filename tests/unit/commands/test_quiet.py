"""A run that says nothing for long is said to be at work."""

from __future__ import annotations

import time

from floe_images.artifacts.events import NodeStarted, RunStarted
from floe_images.commands.quiet import telling
from floe_images.commands.run_report import RunReport
from floe_images.progress import SILENT


def test_silence_is_told_and_told_again_when_it_has_doubled() -> None:
    said: list[str] = []
    with telling(lambda: "the run", said.append, first=0.2) as word:
        word()
        deadline = time.monotonic() + 30
        while len(said) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert all(each.startswith("the run: nothing was heard for ") and each.endswith("Ctrl-C ends it") for each in said)


def test_what_the_run_is_at() -> None:
    report = RunReport(progress=SILENT)
    assert report.at_work() == "the run has made nothing yet"
    began = RunStarted(
        run_id="r", job="j", transform="t", target="dev", adapter="duckdb", select=(), exclude=(), partition=None, at=1
    )
    report.tell(began)
    assert report.at_work() == "the run on target dev has made nothing yet"
    report.tell(NodeStarted(unique_id="model.shop.slow", at=2))
    assert report.at_work() == "the run is at slow"
