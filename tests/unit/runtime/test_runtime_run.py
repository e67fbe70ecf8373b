"""What the role ``run`` prints for people, and its exit codes."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from floe_images.artifacts.events import NodeFinished, RunFinished, RunStarted
from floe_images.errors import ModelsFailedError, TestsFailedError
from floe_images.runtime import log
from floe_images.runtime.node_lines import NodeLines
from floe_images.runtime.roles.run import EXIT_CODES


def _node(status: str, message: str | None, rows: int | None = None) -> NodeFinished:
    return NodeFinished(
        unique_id="model.t.a", resource_type="model", name="a", status=status, started_at=0, at=1_250_000_000,  # type: ignore[arg-type]
        rows=rows, failures=None, columns=(), relation=None, sql=None, message=message,
    )  # fmt: skip


def test_a_line_a_node(capsys: pytest.CaptureFixture[str]) -> None:
    lines = NodeLines()
    lines.tell(
        RunStarted(
            run_id="r", job="all", transform="project/t", target="dev", adapter="duckdb", select=(), exclude=(),
            partition=None, at=0,
        )
    )  # fmt: skip
    lines.tell(_node("success", "OK", rows=7))
    lines.tell(_node("fail", "Got 1 result\nconfigured to fail"))
    lines.tell(_node("skipped", "upstream failed"))
    lines.tell(RunFinished(outcome="tests_failed", message="test a failed", at=0))
    assert capsys.readouterr().out == (
        "run r on target dev (duckdb)\n"
        "success model a  7 rows  1.25 s\n"
        "fail    model a  1.25 s: Got 1 result | configured to fail\n"
        "skipped model a  1.25 s\n"
        "tests failed: test a failed\n"
    )


@pytest.fixture
def log_of_json() -> Iterator[io.StringIO]:
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    log.set_up("run", {"FLOE_LOG": "json"}, stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def test_on_wish_the_lines_are_json_in_the_log(log_of_json: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    lines = NodeLines(as_json=True)
    lines.tell(
        RunStarted(
            run_id="r", job="all", transform="project/t", target="dev", adapter="duckdb", select=(), exclude=(),
            partition=None, at=0,
        )
    )  # fmt: skip
    lines.tell(_node("error", "no such\ntable"))
    lines.tell(RunFinished(outcome="models_failed", message="model a failed", at=0))
    told = [json.loads(line) for line in log_of_json.getvalue().splitlines()]
    keys = ("level", "event", "run", "node", "status", "outcome", "message")
    assert [tuple(line.get(key) for key in keys) for line in told] == [
        ("info", "run_started", "r", None, None, None, "run r on target dev (duckdb)"),
        ("error", "node_finished", "r", "model.t.a", "error", None, "error   model a  1.25 s: no such | table"),
        ("error", "run_finished", "r", None, None, "models_failed", "models failed: model a failed"),
    ]
    assert capsys.readouterr().out == ""


def test_the_exit_codes_are_the_error_tree_s() -> None:
    assert {
        "success": 0,
        "tests_failed": TestsFailedError.exit_code,
        "models_failed": ModelsFailedError.exit_code,
        "configuration": 5,
        "infrastructure": 62,
        "interrupted": 130,
    } == EXIT_CODES
