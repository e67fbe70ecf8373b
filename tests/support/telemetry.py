"""For telemetry's tests: artifacts with endpoints, a run's events, a recorder, and a driver that tells the events."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from floe_images.artifacts.codec import encode
from floe_images.artifacts.events import (
    Column,
    Event,
    NodeFinished,
    NodeStarted,
    RunFinished,
    RunStarted,
    Said,
    to_line,
)
from floe_images.artifacts.model import (
    CompiledArtifacts,
    HomePath,
    ObservabilityArtifact,
    OrchestrationArtifact,
    Settings,
    TargetArtifact,
    TransformArtifact,
)
from tests.support.flights import ROOT

RUN_ID = "0f4c3b62-7a53-4d3e-9f2b-6a1d5c8e7b90"
START = 1_700_000_000_000_000_000  # nanoseconds
_SECOND = 1_000_000_000


def settings(**values: Any) -> Settings:
    return Settings(tuple(sorted(values.items())))


def shop(*, traces: Settings | None = None, lineage: Settings | None = None, **target: Any) -> CompiledArtifacts:
    """A project with two targets: a DuckDB file, and a Postgres."""
    return CompiledArtifacts(
        name="shop",
        adapters=("duckdb", "postgres"),
        targets=(
            TargetArtifact(name="dev", adapter="duckdb", settings=settings(path="/var/lib/floe/shop.duckdb")),
            TargetArtifact(name="prod", adapter="postgres", settings=settings(host="db.internal", port=5433, **target)),
        ),
        default_target="dev",
        transforms=(TransformArtifact(type="dbt", path=HomePath("project/transform")),),
        data=(),
        duckdb=None,
        orchestration=OrchestrationArtifact(metadata=settings(type="sqlite"), schedules=(), sensors=()),
        observability=ObservabilityArtifact(traces=traces, lineage=lineage),
        versions=settings(**{"dbt-core": "1.11.16"}),
    )


def manifest() -> dict[str, Any]:
    """What dbt's manifest says of `events`' project: a source, an ephemeral model between, two models and two tests."""

    def node(name: str, kind: str, parents: Sequence[str], relation: str | None, **more: Any) -> dict[str, Any]:
        config = {"materialized": more.pop("materialized", "table"), **more.pop("config", {})}
        return {
            "unique_id": f"{kind}.shop.{name}", "name": name, "resource_type": kind, "relation_name": relation,
            "depends_on": {"nodes": list(parents)}, "config": config, "columns": {}, **more,
        }  # fmt: skip

    nodes = [
        node("orders", "seed", [], '"shop"."main"."orders"', materialized="seed"),
        node("clean", "model", ["seed.shop.orders"], None, materialized="ephemeral"),
        node("daily", "model", ["model.shop.clean", "source.shop.raw.rates"], '"shop"."main"."daily"',
             description="Orders a day."),
        node("broken", "model", ["model.shop.daily"], '"shop"."main"."broken"', materialized="view"),
        node("not_null_daily_day", "test", ["model.shop.daily"], None, materialized="test",
             attached_node="model.shop.daily", column_name="day", test_metadata={"name": "not_null"}),
    ]  # fmt: skip
    rates = {
        "unique_id": "source.shop.raw.rates", "name": "rates", "resource_type": "source",
        "relation_name": '"shop"."raw"."rates"', "config": {},
        "columns": {"currency": {"name": "currency", "data_type": "VARCHAR"}, "rate": {"name": "rate"}},
    }  # fmt: skip
    return {
        "metadata": {},
        "nodes": {each["unique_id"]: each for each in nodes},
        "sources": {rates["unique_id"]: rates},
        "unit_tests": {},
    }


SQL = """
with clean as (select day, currency, amount from "shop"."main"."orders" where amount > 0)
select clean.day, upper(clean.currency) as currency, sum(clean.amount * rates.rate) as total
from clean join "shop"."raw"."rates" as rates on rates.currency = clean.currency group by 1, 2
"""
TEST = "test.shop.not_null_daily_day.0a1b2c"


def events(*, run_id: str = RUN_ID, models: int = 0, outcome: str = "models_failed") -> tuple[Event, ...]:
    """A run: a seed, a model, its test, a model that fails; and ``models`` more that the manifest does not know."""
    at = START

    def when(seconds: float) -> int:
        return at + int(seconds * _SECOND)

    def ended(unique_id: str, start: float, end: float, **more: Any) -> NodeFinished:
        kind, _, name = unique_id.split(".")[:3]
        values = {"status": "success", "rows": None, "failures": None, "columns": (), "relation": None, "sql": None,
                  "message": None, **more}  # fmt: skip
        return NodeFinished(
            unique_id=unique_id, resource_type=kind, name=name, started_at=when(start), at=when(end), **values
        )

    columns = {
        "orders": (("day", "DATE"), ("currency", "VARCHAR"), ("amount", "DECIMAL(18,3)")),
        "daily": (("day", "DATE"), ("currency", "VARCHAR"), ("total", "DOUBLE")),
    }
    shaped = {name: tuple(Column(name=each, type=kind) for each, kind in its) for name, its in columns.items()}
    found: list[Event] = [
        RunStarted(run_id=run_id, job="nightly", transform="project/transform", target="dev", adapter="duckdb",
                   select=("tag:nightly",), exclude=(), partition=None, at=when(0)),
        Said(level="debug", text="not told", unique_id=None, at=when(0.1)),
        Said(level="info", text="Found 2 models", unique_id=None, at=when(0.2)),
        NodeStarted(unique_id="seed.shop.orders", at=when(1)),
        ended("seed.shop.orders", 1, 1.5, rows=40, columns=shaped["orders"], relation='"shop"."main"."orders"'),
        NodeStarted(unique_id="model.shop.daily", at=when(2)),
        ended("model.shop.daily", 2, 2.25, rows=7, columns=shaped["daily"], relation='"shop"."main"."daily"', sql=SQL),
        NodeStarted(unique_id=TEST, at=when(3)),
        ended(TEST, 3, 3.1, failures=0, sql="select * from daily where day is null"),
        NodeStarted(unique_id="model.shop.broken", at=when(4)),
        Said(level="error", text="no such column", unique_id="model.shop.broken", at=when(4.1)),
        ended("model.shop.broken", 4, 4.2, status="error", message="Catalog Error\nno such column: x", sql="select x"),
    ]  # fmt: skip
    for number in range(models):
        name = f"model.shop.more_{number}"
        relation = f'"shop"."main"."more_{number}"'
        found += [NodeStarted(unique_id=name, at=when(5)), ended(name, 5, 5.01, rows=number, relation=relation)]
    message = None if outcome == "success" else "model broken failed"
    return (*found, RunFinished(outcome=outcome, message=message, at=when(6)))  # type: ignore[arg-type]


#: Starts telemetry's threads and is not sent: a line of debugging.
NOTHING: tuple[Event, ...] = (Said(level="debug", text="", unique_id=None, at=START),)


@dataclass(frozen=True, kw_only=True)
class Home:
    """FLOE_HOME, state volume and secrets of one test."""

    root: Path

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def spool(self) -> list[Path]:
        return sorted(self.state.glob("telemetry/*/*/*.parcel"))

    def environ(self) -> dict[str, str]:
        return {
            "FLOE_HOME": str(self.root / "home"),
            "FLOE_STATE_DIR": str(self.state),
            "FLOE_SECRETS_DIR": str(self.root / "secrets"),
        }


def make_home(root: Path, artifacts: CompiledArtifacts, secrets: Mapping[str, str] | None = None) -> Home:
    """Artifacts (written again each time), manifest, secrets."""
    home = root / "home"
    folder = home / "manifests" / "dev" / "project" / "transform"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(_with_test(manifest())))
    (home / "artifacts.json").write_bytes(encode(artifacts))
    (root / "state").mkdir(exist_ok=True)
    (root / "secrets").mkdir(exist_ok=True)
    for name, value in (secrets or {}).items():
        (root / "secrets" / name).write_text(value)
    return Home(root=root)


def _with_test(found: dict[str, Any]) -> dict[str, Any]:
    """dbt's id of a generic test ends in a hash."""
    found["nodes"][TEST] = {**found["nodes"].pop("test.shop.not_null_daily_day"), "unique_id": TEST}
    return found


@dataclass(kw_only=True)
class Recorder:
    process: subprocess.Popen[str]
    http: str
    grpc: str
    got: list[dict[str, Any]]

    def stop(self) -> list[dict[str, Any]]:
        """Everything that arrived: path, headers and decoded content."""
        if self.process.poll() is None:
            assert self.process.stdin
            self.process.stdin.close()
            assert self.process.stdout
            self.got = json.loads(self.process.stdout.read())
            self.process.wait(10)
        return self.got


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Two of this machine's that nobody listens on: an endpoint that is down, and may come up."""

    http: int
    grpc: int


def free_ports() -> Ports:
    found = []
    with contextlib.ExitStack() as opened:
        for _ in range(2):
            taken = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
            found.append(taken.getsockname()[1])
    return Ports(http=found[0], grpc=found[1])


@contextlib.contextmanager
def recorder(
    python: Path, mode: str = "ok", *, ports: Ports = Ports(http=0, grpc=0), tls: tuple[Path, Path] | None = None
) -> Iterator[Recorder]:
    """A collector that behaves as ``mode`` says (see `otlp_recorder`); ``tls``: its certificate and key."""
    script = Path(__file__).with_name("otlp_recorder.py")
    process = subprocess.Popen(
        [str(python), str(script), mode, str(ports.http), str(ports.grpc), *map(str, tls or ())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        told = json.loads(process.stdout.readline())
        scheme = "https" if tls else "http"
        yield Recorder(
            process=process,
            http=f"{scheme}://127.0.0.1:{told['http']}",
            grpc=f"{scheme}://127.0.0.1:{told['grpc']}",
            got=[],
        )
    finally:
        process.kill()
        process.wait()


@dataclass(frozen=True, kw_only=True)
class Driven:
    """``seconds``: of the calls; ``log``: the process's stderr."""

    code: int
    told: dict[str, Any]
    log: str

    @property
    def last_line(self) -> str:
        return next((line for line in reversed(self.log.splitlines()) if "telemetry:" in line), "")


def drive(
    python: Path,
    home: Home,
    what: Sequence[Event],
    *,
    prefix: Sequence[str] = (),
    env: Mapping[str, str] = {},
    **asked: Any,
) -> Driven:
    """Tell ``what`` in a process of its own; ``prefix`` comes before its command."""
    script = Path(__file__).with_name("telemetry_driver.py")
    done = subprocess.run(
        [*prefix, str(python), str(script)],
        input=json.dumps({"events": [to_line(each) for each in what], **asked}),
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **home.environ(), **env},
    )
    told = json.loads(done.stdout) if done.stdout.strip() else {}
    sys.stderr.write(done.stderr)
    return Driven(code=done.returncode, told=told, log=done.stderr)


def spans(got: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        span
        for each in got
        if each["path"] == "/v1/traces"
        for whole in each["content"]["resourceSpans"]
        for scope in whole["scopeSpans"]
        for span in scope["spans"]
    ]


def lineage_events(got: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [each["content"] for each in got if each["path"] == "/api/v1/lineage"]
