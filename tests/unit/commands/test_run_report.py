"""Events → what is shown while a run lasts, its table, and the error that its outcome is."""

from __future__ import annotations

import pytest

from floe_images.artifacts.events import (
    Event,
    NodeFinished,
    NodeStarted,
    Outcome,
    RunFinished,
    RunStarted,
    Said,
    Status,
)
from floe_images.commands.run_report import RunReport
from floe_images.errors import (
    CancelledError,
    FloeError,
    InfrastructureError,
    ModelsFailedError,
    ProjectError,
    TestsFailedError,
)
from floe_images.progress import Silent

SECOND = 1_000_000_000


class Heard(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.details: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def detail(self, text: str) -> None:
        self.details.append(text)


STARTED = RunStarted(
    run_id="r", job="all", transform="project/t", target="dev", adapter="duckdb", select=(), exclude=(),
    partition=None, at=0,
)  # fmt: skip


def node(
    name: str, status: Status = "success", *, kind: str = "model", rows: int | None = None, **more: object
) -> Event:
    known: dict[str, object] = {"failures": None, "message": None, "started_at": SECOND, "at": 2 * SECOND}
    return NodeFinished(
        unique_id=f"{kind}.p.{name}", resource_type=kind, name=name, status=status, rows=rows, columns=(),
        relation=None, sql=None, **{**known, **more},  # type: ignore[arg-type]
    )  # fmt: skip


def told(*events: Event) -> tuple[RunReport, Heard]:
    heard = Heard()
    report = RunReport(progress=heard)
    for event in events:
        report.tell(event)
    return report, heard


def finished(outcome: Outcome, message: str | None = None, at: int = 4 * SECOND) -> RunFinished:
    return RunFinished(outcome=outcome, message=message, at=at)


def test_a_success() -> None:
    report, heard = told(
        STARTED,
        NodeStarted(unique_id="model.p.a", at=SECOND),
        node("a", rows=1234567),
        node("a_longer_name", rows=None, at=SECOND + 20_000_000),
        node("not_null", kind="test"),
        finished("success"),
    )
    assert report.error() is None
    assert report.table().splitlines() == [
        "ASSET          STATUS       ROWS    TIME",
        "a              ok      1,234,567  1.00 s",
        "a_longer_name  ok                 0.02 s",
        "2 assets: 2 ok; 1 test: 1 ok; 4.0 s",
    ]
    assert heard.notes == ["model a: ok, 1,234,567 rows, 1.00 s", "model a_longer_name: ok, 0.02 s"]
    assert heard.details == ["test not_null: ok, 1.00 s"]


def test_a_failing_test_is_in_the_table_and_its_message_is_shown() -> None:
    report, heard = told(
        STARTED,
        node("a"),
        node("good", kind="test"),
        node("bad", "fail", kind="test", failures=3, message="Got 3 results,\n  configured to fail if != 0"),
        finished("tests_failed"),
    )
    assert report.table().splitlines() == [
        "ASSET     STATUS  ROWS    TIME",
        "a         ok            1.00 s",
        "test bad  failed     3  1.00 s",
        "1 asset: 1 ok; 2 tests: 1 ok, 1 failed; 4.0 s",
    ]
    assert heard.notes[1:] == [
        "test bad: failed, 1.00 s",
        "  Got 3 results,",
        "    configured to fail if != 0",
    ]
    error = report.error()
    assert isinstance(error, TestsFailedError)
    assert str(error) == "1 test (bad) failed"


def test_failed_models_are_named_and_not_all_of_many() -> None:
    report, _ = told(
        STARTED,
        *(node(f"m{number}", "error", message="no") for number in range(7)),
        node("after", "skipped"),
        finished("models_failed"),
    )
    error = report.error()
    assert isinstance(error, ModelsFailedError)
    assert str(error) == "7 assets (m0, m1, m2, m3, m4 and 2 more) failed"
    assert report.sentence() == "8 assets: 7 error, 1 skipped; 4.0 s"


@pytest.mark.parametrize(
    ("outcome", "kind", "text"),
    [
        ("configuration", ProjectError, "no such model"),
        ("infrastructure", InfrastructureError, "no such model"),
        (
            "interrupted",
            CancelledError,
            "interrupted; 1 asset was done, and what was not done is as it was before",
        ),
    ],
)
def test_other_outcomes(outcome: Outcome, kind: type[FloeError], text: str) -> None:
    report, _ = told(STARTED, node("a"), node("b", "skipped"), finished(outcome, "no such model"))
    error = report.error()
    assert type(error) is kind
    assert str(error) == text


def test_the_worst_of_several_invocations_counts() -> None:
    report, _ = told(STARTED, STARTED, finished("tests_failed"), finished("success"))
    assert report.outcome == "tests_failed"


def test_a_run_without_an_end_has_no_outcome_and_names_what_was_open() -> None:
    report, _ = told(STARTED, NodeStarted(unique_id="model.p.a", at=1))
    assert report.outcome is None
    assert report.error() is None
    assert report.document()["unfinished"] == ["model.p.a"]
    assert told()[0].outcome is None


def test_a_run_that_was_told_to_end_and_told_no_outcome_was_interrupted() -> None:
    report, _ = told(STARTED, node("a"), NodeStarted(unique_id="model.p.b", at=1))
    report.interrupted = True
    assert isinstance(report.error(), CancelledError)
    report.tell(finished("models_failed"))
    assert isinstance(report.error(), ModelsFailedError)


def test_the_document_for_scripts() -> None:
    report, _ = told(STARTED, node("a", rows=7, at=SECOND + 1_234_567), finished("success"))
    assert report.document() == {
        "outcome": "success",
        "run_id": "r",
        "target": "dev",
        "nodes": [
            {
                "unique_id": "model.p.a", "type": "model", "name": "a", "status": "success", "rows": 7,
                "failures": None, "seconds": 0.001, "relation": None, "message": None,
            }
        ],
        "unfinished": [],
    }  # fmt: skip


def test_what_dbt_says_is_shown_when_it_is_a_warning() -> None:
    said = [Said(level=level, text=level, unique_id=None, at=0) for level in ("debug", "info", "warn", "error")]
    _, heard = told(*said)
    assert (heard.notes, heard.details) == (["warn", "error"], ["debug", "info"])
