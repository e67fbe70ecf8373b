"""What a run tells while it runs: values, and the JSON lines that carry them from one process to another."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

Status = Literal["success", "warn", "fail", "error", "skipped"]
Outcome = Literal["success", "tests_failed", "models_failed", "configuration", "infrastructure", "interrupted"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a relation, with the type in the database's own words."""

    name: str
    type: str


@dataclass(frozen=True, kw_only=True)
class RunStarted:
    """One dbt invocation begins. Times (``at``) are nanoseconds since the epoch, here and below.

    ``run_id`` is Dagster's run (a UUID), ``job`` its job; ``transform`` is the dbt project's path in the artifacts.
    """

    kind: ClassVar[str] = "run_started"
    run_id: str
    job: str
    transform: str
    target: str
    adapter: str
    select: tuple[str, ...]
    exclude: tuple[str, ...]
    partition: str | None
    at: int


@dataclass(frozen=True, kw_only=True)
class NodeStarted:
    """dbt begins a node of its graph; ``unique_id`` is dbt's (``model.flights.daily_delays``)."""

    kind: ClassVar[str] = "node_started"
    unique_id: str
    at: int


@dataclass(frozen=True, kw_only=True)
class NodeFinished:
    """A node has ended. ``warn`` and ``fail`` are a test's; ``rows`` and ``columns`` are the relation's afterwards.

    ``rows`` None: not counted (a view, a test, a failure). ``failures``: a test's failing rows. ``relation`` is the
    quoted name in the database; ``sql`` the compiled statement; ``message`` dbt's, one or more lines, without secrets.
    """

    kind: ClassVar[str] = "node_finished"
    unique_id: str
    resource_type: str
    name: str
    status: Status
    started_at: int
    at: int
    rows: int | None
    failures: int | None
    columns: tuple[Column, ...]
    relation: str | None
    sql: str | None
    message: str | None


@dataclass(frozen=True, kw_only=True)
class Said:
    """A line of dbt's log. ``level`` is debug, info, warn or error."""

    kind: ClassVar[str] = "said"
    level: str
    text: str
    unique_id: str | None
    at: int


@dataclass(frozen=True, kw_only=True)
class RunFinished:
    """The invocation has ended. ``message`` is one line that says why, unless it is a success."""

    kind: ClassVar[str] = "run_finished"
    outcome: Outcome
    message: str | None
    at: int


Event = RunStarted | NodeStarted | NodeFinished | Said | RunFinished
_KINDS: dict[str, Any] = {each.kind: each for each in (RunStarted, NodeStarted, NodeFinished, Said, RunFinished)}


class Observer(Protocol):
    """Someone whom a run tells. Called in the run's own thread: it must return at once and never raise."""

    def tell(self, event: Event) -> None: ...

    def close(self) -> None:
        """No more events come; returns in a bounded time."""


def to_line(event: Event) -> str:
    """One line of JSON with a final line break."""
    return json.dumps({"event": event.kind, **dataclasses.asdict(event)}, separators=(",", ":")) + "\n"


def from_line(line: str) -> Event:
    """What `to_line` wrote. Raise ValueError for anything else."""
    document = json.loads(line)
    try:
        kind = _KINDS[document.pop("event")]
        for name in ("select", "exclude"):
            if name in document:
                document[name] = tuple(document[name])
        if "columns" in document:
            document["columns"] = tuple(Column(**column) for column in document["columns"])
        event: Event = kind(**document)
    except (KeyError, TypeError, AttributeError) as fault:
        raise ValueError(f"not an event: {fault}") from None
    return event
