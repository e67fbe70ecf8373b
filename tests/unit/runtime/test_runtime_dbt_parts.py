"""The parts of the dbt worker that need no dbt: requests, secrets in text, outcomes, the writer's lock, patience."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from floe_images.artifacts.events import Event, NodeFinished, RunFinished, RunStarted, Said
from floe_images.artifacts.model import CompiledArtifacts, ObservabilityArtifact, OrchestrationArtifact, Settings
from floe_images.errors import DiskError, DiskFullError, ProjectError, UsageError
from floe_images.runtime import execute as execution
from floe_images.runtime.dbt import outcome
from floe_images.runtime.dbt.circle import circle
from floe_images.runtime.dbt.duckdb_wait import database, holder, open_patiently, waiting_seconds
from floe_images.runtime.dbt.lock import WriterLock
from floe_images.runtime.dbt.prepare import ignored_profiles, refuse_cloud, require_adapter
from floe_images.runtime.dbt.redact import Redactor
from floe_images.runtime.dbt.request import DbtRequest, Order, from_line, to_line
from floe_images.runtime.manifests import manifest_path, read_manifest
from floe_images.runtime.places import Places

REQUEST = DbtRequest(
    run_id="r",
    job="j",
    transform="project/t",
    target="dev",
    select=("a", "tag:b"),
    partition="2024-01",
    window=("2024-01-01T00:00:00+00:00", "2024-02-01T00:00:00+00:00"),
)
ARTIFACTS = CompiledArtifacts(
    name="n",
    adapters=(),
    targets=(),
    default_target="dev",
    transforms=(),
    data=(),
    duckdb=None,
    orchestration=OrchestrationArtifact(metadata=Settings(), schedules=(), sensors=()),
    observability=ObservabilityArtifact(traces=None, lineage=None),
    versions=Settings(),
)


def test_an_order_crosses_as_it_is() -> None:
    order = Order(request=REQUEST, artifacts=ARTIFACTS, places=Places.of({"FLOE_HOME": "/h", "TMPDIR": "/t"}))
    line = to_line(order)
    assert line.count("\n") == 1
    assert from_line(line) == order


@pytest.mark.parametrize("line", ["", "{}", "[]", '{"request": {"run_id": 1}, "artifacts": "", "places": {}}'])
def test_what_is_no_order_is_refused(line: str) -> None:
    with pytest.raises((ValueError, ProjectError)):
        from_line(line)


SECRET = 'pa"ss\\wo/rd ü&'


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET),
        repr(SECRET),
        f"postgresql://u:{quote(SECRET, safe='')}@h",
        base64.b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_found_in_every_dress(form: str) -> None:
    redact = Redactor()
    redact.learn([SECRET, "ss"])
    assert redact(f"before {form} after").startswith("before ")
    assert "*****" in redact(form)
    for part in ("pa", "wo", "rd"):
        assert part not in redact(form)


def test_each_line_of_a_key_is_a_secret() -> None:
    redact = Redactor()
    redact.learn(["-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASC\n"])
    assert redact("found MIIEvQIBADANBgkqhkiG9w0B here, AQEFAASC") == "found ***** here, AQEFAASC"


def _node(name: str, status: Any, *, kind: str = "model", message: str | None = None) -> NodeFinished:
    return NodeFinished(
        unique_id=f"{kind}.p.{name}", resource_type=kind, name=name, status=status, started_at=0, at=1, rows=None,
        failures=None, columns=(), relation=None, sql=None, message=message,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([], ("success", None)),
        ([_node("a", "success"), _node("t", "warn", kind="test"), _node("b", "skipped")], ("success", None)),
        ([_node("t", "fail", kind="test", message="Got 1")], ("tests_failed", "test t failed: Got 1")),
        (
            [_node("t", "fail", kind="test"), _node("a", "error", message="x\n  y"), _node("b", "error")],
            ("models_failed", "model a failed (and 1 more): x y"),
        ),
        (
            [_node("a", "error"), _node("b", "error", message="could not extend file: No space left on device")],
            ("infrastructure", "model b could not run: could not extend file: No space left on device"),
        ),
        (
            [_node("a", "error", message="IO Error: Could not resolve hostname error for HTTP POST to 'http://lake'")],
            (
                "infrastructure",
                "model a could not run: IO Error: Could not resolve hostname error for HTTP POST to 'http://lake'",
            ),
        ),
        (
            [_node("a", "error", message="no table nope!\n\nLINE 3: from nope where 'connection refused' = 'x'")],
            ("models_failed", "model a failed: no table nope! LINE 3: from nope where 'connection refused' = 'x'"),
        ),
        (
            [_node("a", "error", message='The file "x" exists, but it is not a valid DuckDB database file!')],
            (
                "models_failed",
                'model a failed: The file "x" exists, but it is not a valid DuckDB database file! '
                "(restore a backup, or move it away)",
            ),
        ),
    ],
)
def test_what_went_worst_is_the_outcome(nodes: Sequence[NodeFinished], expected: tuple[str, str | None]) -> None:
    assert outcome.of_results(nodes) == expected


class ParsingError(RuntimeError):
    """Named as dbt's, which are not installed here."""


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (ProjectError("x"), "configuration"),
        (DiskFullError("x"), "infrastructure"),
        (DiskError("x"), "infrastructure"),
        (ParsingError("x"), "configuration"),
        (ParsingError("connection refused"), "infrastructure"),
        (KeyError("x"), "infrastructure"),
    ],
)
def test_what_stopped_dbt_is_the_outcome(fault: BaseException, expected: str) -> None:
    assert outcome.of_exception(fault)[0] == expected


def test_the_hint_is_told_with_the_fault() -> None:
    assert outcome.of_exception(UsageError("no", hint="yes")) == ("configuration", "no (yes)")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('password authentication failed for user "floe"', " (look at targets.dev.user and targets.dev.password)"),
        (
            "250001: Incorrect username or password was specified.",
            " (look at targets.dev.user and targets.dev.password)",
        ),
        ("connection refused", ""),
    ],
)
def test_who_was_not_believed_is_told_which_settings_say_who_he_is(message: str, expected: str) -> None:
    settings = ("targets.dev.user", "targets.dev.password")
    assert outcome.naming_credentials(message, settings) == message + expected
    assert outcome.naming_credentials(message, ()) == message


def test_one_writer_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "new" / "x.duckdb"
    first, second = WriterLock(file, run="one"), WriterLock(file, run="two")
    said: list[str] = []
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            first.release()

    monkeypatch.setattr("time.sleep", sleep)
    with first:
        first.acquire(said.append)
        second.acquire(said.append)
    assert said == [f"waiting for the run one (process {os.getpid()}), which writes to {file}"]
    assert len(waits) == 3
    assert json.loads((file.parent / "x.duckdb.writer").read_text()) == {"pid": os.getpid(), "run": "two"}
    second.release()
    assert list(file.parent.iterdir()) == []


def test_a_lock_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError) as caught:
        WriterLock(tmp_path / "file" / "x.duckdb", run="r").acquire(print)
    assert caught.value.where == str(tmp_path / "file" / "x.duckdb.writer")


_HELD = (
    'IO Error: Could not set lock on file "/v/x.duckdb": Conflicting lock is held in /home/a/.b/python3.11 (PID 12). '
    "However, you would be able to open this database in read-only mode. See also https://duckdb.org/docs"
)


def test_who_has_the_file_is_read_from_duckdbs_words() -> None:
    assert holder(_HELD) == "process 12 (/home/a/.b/python3.11)"
    assert holder('IO Error: Could not set lock on file "/v/x.duckdb": Resource busy') == "another process"
    assert holder("Parser Error: syntax error") is None


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("time.sleep", lambda seconds: now.__setitem__(0, now[0] + 1))
    answers: list[Any] = [OSError(_HELD), OSError(_HELD), "open"]
    said: list[str] = []

    def connect() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert open_patiently(connect, path="/v/x", seconds=5, say=said.append) == "open"
    expected = "waiting for process 12 (/home/a/.b/python3.11), which has /v/x open, for up to 5 s (FLOE_DUCKDB_WAIT)"
    assert said == [expected]
    answers[:] = [OSError(_HELD)] * 9
    with pytest.raises(OSError, match="Conflicting lock"):
        open_patiently(connect, path="/v/x", seconds=5, say=said.append)
    assert len(answers) == 3  # tried at 0 to 5 s
    answers[:] = [ValueError("other")]
    with pytest.raises(ValueError, match="other"):
        open_patiently(connect, path="/v/x", seconds=5, say=said.append)


@pytest.mark.parametrize(("text", "seconds"), [("", 60), ("5", 5), ("-1", 0), ("soon", 60)])
def test_how_long_to_wait(text: str, seconds: float) -> None:
    assert waiting_seconds({"FLOE_DUCKDB_WAIT": text}) == seconds


@pytest.mark.parametrize(("path", "file"), [("/v/x.duckdb", Path("/v/x.duckdb")), (":memory:", None), ("md:x", None)])
def test_which_targets_are_files(path: str, file: Path | None) -> None:
    assert database({"floe": {"outputs": {"dev": {"path": path}}}}, "dev") == file


def test_dbt_cloud_is_refused_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: x\n# dbt-cloud: no\nmodels:\n  dbt-cloud: fine\n")
    refuse_cloud(tmp_path, {})
    with pytest.raises(ProjectError, match="DBT_CLOUD_PROJECT_ID"):
        refuse_cloud(tmp_path, {"DBT_CLOUD_PROJECT_ID": "1"})
    (tmp_path / "dbt_project.yml").write_text("name: x\ndbt-cloud:\n  project-id: 1\n")
    with pytest.raises(ProjectError) as caught:
        refuse_cloud(tmp_path, {})
    assert caught.value.where == f"{tmp_path}/dbt_project.yml:2"
    assert caught.value.hint
    assert "dbt-core" in caught.value.hint


def test_adapters_that_are_not_known_or_not_there() -> None:
    with pytest.raises(ProjectError, match="the dbt adapter duckdb is not installed here"):
        require_adapter("duckdb")
    with pytest.raises(ProjectError, match="cannot make a dbt profile for the adapter trino, installed or not"):
        require_adapter("trino")


def test_every_profile_that_is_not_read_is_named(tmp_path: Path) -> None:
    for folder in ("project", "home/.dbt", "given"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "profiles.yml").write_text("")
    environ = {"HOME": str(tmp_path / "home"), "DBT_PROFILES_DIR": str(tmp_path / "given")}
    assert [line.split()[0] for line in ignored_profiles(tmp_path / "project", environ)] == [
        str(tmp_path / folder / "profiles.yml") for folder in ("project", "home/.dbt", "given")
    ]


def test_a_manifest_is_read_or_missed_by_name(tmp_path: Path) -> None:
    file = tmp_path / "manifests/dev/project/t/manifest.json"
    with pytest.raises(ProjectError, match="no dbt manifest of project/t for the target dev"):
        read_manifest(tmp_path, "dev", "project/t")
    file.parent.mkdir(parents=True)
    file.write_text('{"nodes": {}}')
    assert manifest_path(tmp_path, "dev", "project/t") == file
    assert read_manifest(tmp_path, "dev", "project/t") == {"nodes": {}}
    file.write_text("[]")
    with pytest.raises(ProjectError, match="not a dbt manifest"):
        read_manifest(tmp_path, "dev", "project/t")


class _Worker:
    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def run(self, *_: object, **__: object) -> Sequence[Event]:
        said = Said(level="info", text="x", unique_id=None, at=1)
        return (said, said, RunFinished(outcome="success", message=None, at=2))


def test_every_event_is_told_and_a_failing_observer_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[Event] = []

    class Good:
        def tell(self, event: Event) -> None:
            heard.append(event)

        def close(self) -> None:
            raise AssertionError("whoever made it closes it")

    class Bad(Good):
        def tell(self, event: Event) -> None:
            raise RuntimeError("no")

    worker = _Worker()
    given: Any = worker
    events = list(execution.execute(REQUEST, artifacts=ARTIFACTS, observers=(Bad(), Good()), worker=given))
    assert [type(event) for event in events] == [RunStarted, Said, Said, RunFinished]
    assert heard == events
    assert dataclasses.asdict(events[0])["partition"] == "2024-01"
    assert worker.closed
    assert capsys.readouterr().err == "floe-runtime: Bad is told no more: RuntimeError\n"


def test_models_in_a_circle_are_named() -> None:
    parents = {
        "model.shop.a": ["model.shop.b", "source.shop.s"],
        "model.shop.b": ["model.shop.c"],
        "model.shop.c": ["model.shop.a"],
    }
    found = circle({"parent_map": parents})
    assert sorted(found) == ["a", "b", "c"]
    around = (*found, found[0])  # each refers to the next
    assert all(f"model.shop.{to}" in parents[f"model.shop.{of}"] for of, to in pairwise(around))
    assert circle({"parent_map": {"model.shop.a": ["model.shop.a"]}}) == ("a",)
    assert circle({"parent_map": {"model.shop.a": ["source.shop.s"]}}) == ()
