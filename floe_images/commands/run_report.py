"""What `floe run` shows: events in; lines while it runs, a table at its end, and the error that the outcome is."""

from __future__ import annotations

from dataclasses import dataclass, field

from floe_images.artifacts.events import Event, NodeFinished, NodeStarted, Outcome, RunFinished, RunStarted, Said
from floe_images.errors import (
    CancelledError,
    FloeError,
    InfrastructureError,
    ModelsFailedError,
    ProjectError,
    TestsFailedError,
)
from floe_images.progress import Progress

WORK = "run"
_TESTS = ("test", "unit_test")
_SHOWN = {"success": "ok", "warn": "warning", "fail": "failed", "error": "error", "skipped": "skipped"}
# The worst first: one run may hold several invocations.
_OUTCOMES: tuple[Outcome, ...] = (
    "interrupted",
    "infrastructure",
    "configuration",
    "models_failed",
    "tests_failed",
    "success",
)
_NAMED = 5  # of what failed


@dataclass
class RunReport:
    """Told every event in order; afterwards it holds the run. ``interrupted``: it was told to end."""

    progress: Progress
    interrupted: bool = False
    started: list[RunStarted] = field(default_factory=list)
    nodes: dict[str, NodeFinished] = field(default_factory=dict)
    finished: list[RunFinished] = field(default_factory=list)
    _open: dict[str, int] = field(default_factory=dict)

    def expect(self, nodes: int) -> None:
        """How many nodes will be told; 0 where nobody knows."""
        self.progress.total(WORK, nodes, unit="nodes")

    def tell(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self.started.append(event)
        elif isinstance(event, NodeStarted):
            self._open[event.unique_id] = event.at
        elif isinstance(event, NodeFinished):
            self._open.pop(event.unique_id, None)
            self.nodes[event.unique_id] = event
            self.progress.advance(WORK, 1)
            self._node(event)
        elif isinstance(event, Said):
            (self.progress.note if event.level in ("warn", "error") else self.progress.detail)(event.text)
        else:
            self.finished.append(event)

    def at_work(self) -> str:
        """What the run is at, for whoever waits."""
        if self._open:
            return f"the run is at {', '.join(sorted(each.rpartition('.')[2] for each in self._open)[:_NAMED])}"
        target = f" on target {self.started[0].target}" if self.started else ""
        return f"the run{target} {'is at work' if self.nodes else 'has made nothing yet'}"

    @property
    def outcome(self) -> Outcome | None:
        """The worst of all; None where the run told no end."""
        if len(self.finished) < max(len(self.started), 1):
            return "interrupted" if self.interrupted else None
        return min((each.outcome for each in self.finished), key=_OUTCOMES.index)

    @property
    def assets(self) -> list[NodeFinished]:
        return [node for node in self.nodes.values() if node.resource_type not in _TESTS]

    @property
    def tests(self) -> list[NodeFinished]:
        return [node for node in self.nodes.values() if node.resource_type in _TESTS]

    def _node(self, node: NodeFinished) -> None:
        if node.status == "success" and node.resource_type in _TESTS:
            self.progress.detail(f"{node.resource_type} {node.name}: ok, {_seconds(node)}")
            return
        rows = f", {node.rows:,} rows" if node.rows is not None else ""
        self.progress.note(f"{node.resource_type} {node.name}: {_SHOWN[node.status]}{rows}, {_seconds(node)}")
        if node.status in ("fail", "error", "warn") and node.message:
            for line in node.message.strip().splitlines():
                self.progress.note(f"  {line.rstrip()}")

    def table(self) -> str:
        """Asset, status, rows and time in aligned columns, and a last line of sums."""
        rows = [("ASSET", "STATUS", "ROWS", "TIME")]
        for node in self.assets:
            rows.append((node.name, _SHOWN[node.status], "" if node.rows is None else f"{node.rows:,}", _seconds(node)))
        bad = [node for node in self.tests if node.status in ("warn", "fail", "error")]
        rows += [(f"test {node.name}", _SHOWN[node.status], _failing(node), _seconds(node)) for node in bad]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            f"{name:<{widths[0]}}  {status:<{widths[1]}}  {count:>{widths[2]}}  {time:>{widths[3]}}"
            for name, status, count, time in rows
        ]
        return "\n".join([*(lines if len(rows) > 1 else []), self.sentence()])

    def sentence(self) -> str:
        """``8 assets: 8 ok; 24 tests: 24 ok; 3.1 s``."""
        parts = [
            f"{len(nodes)} {word}{'' if len(nodes) == 1 else 's'}: {_counted(nodes)}"
            for word, nodes in (("asset", self.assets), ("test", self.tests))
            if nodes
        ]
        times = [each.at for each in self.started] + [each.at for each in self.nodes.values()]
        times += [each.at for each in self.finished]
        return "; ".join([*parts, f"{(max(times) - min(times)) / 1e9:.1f} s"]) if times else "nothing was run"

    def document(self) -> dict[str, object]:
        """The same for scripts. Times in seconds."""
        return {
            "outcome": self.outcome,
            "run_id": self.started[0].run_id if self.started else None,
            "target": self.started[0].target if self.started else None,
            "nodes": [
                {
                    "unique_id": node.unique_id,
                    "type": node.resource_type,
                    "name": node.name,
                    "status": node.status,
                    "rows": node.rows,
                    "failures": node.failures,
                    "seconds": round((node.at - node.started_at) / 1e9, 3),
                    "relation": node.relation,
                    "message": node.message,
                }
                for node in self.nodes.values()
            ],
            "unfinished": sorted(self._open),
        }

    def error(self) -> FloeError | None:
        """What is wrong with a run that told its end."""
        said = next((each.message for each in self.finished if each.outcome == self.outcome and each.message), None)
        if self.outcome == "tests_failed":
            failed = [node for node in self.tests if node.status in ("fail", "error")]
            hint = "a failing test's SQL, run by hand, shows the rows"
            return TestsFailedError(f"{_named('test', failed)} failed", hint=hint)
        if self.outcome == "models_failed":
            failed = [node for node in self.assets if node.status in ("fail", "error")]
            return ModelsFailedError(f"{_named('asset', failed)} failed", hint="mend it, and run it again")
        if self.outcome == "configuration":
            hint = "mend it in floe.yaml or in the dbt project, and run it again"
            return ProjectError(said or "the run's configuration is not right", hint=hint)
        if self.outcome == "infrastructure":
            target = self.started[0].target if self.started else "NAME"
            hint = f"look at targets.{target} in floe.yaml and at what it names; then run it again"
            return InfrastructureError(said or "the run could not do its work", hint=hint)
        if self.outcome == "interrupted":
            done = sum(node.status == "success" for node in self.assets)
            words = "1 asset was" if done == 1 else f"{done} assets were"
            return CancelledError(f"interrupted; {words} done, and what was not done is as it was before")
        return None


def _named(word: str, nodes: list[NodeFinished]) -> str:
    names = ", ".join(node.name for node in nodes[:_NAMED])
    more = f" and {len(nodes) - _NAMED} more" if len(nodes) > _NAMED else ""
    return f"{len(nodes)} {word}{'' if len(nodes) == 1 else 's'} ({names}{more})"


def _counted(nodes: list[NodeFinished]) -> str:
    found: dict[str, int] = {}
    for node in nodes:
        found[_SHOWN[node.status]] = found.get(_SHOWN[node.status], 0) + 1
    return ", ".join(f"{found[word]} {word}" for word in dict.fromkeys(_SHOWN.values()) if word in found)


def _failing(node: NodeFinished) -> str:
    return f"{node.failures:,}" if node.failures and node.status != "error" else ""


def _seconds(node: NodeFinished) -> str:
    return f"{(node.at - node.started_at) / 1e9:.2f} s"
