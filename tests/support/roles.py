"""Servers of the runtime for tests: a home with a tiny dbt project, and a role as a process that is asked over HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from floe_images.artifacts.codec import encode
from floe_images.artifacts.model import (
    CompiledArtifacts,
    HomePath,
    ObservabilityArtifact,
    OrchestrationArtifact,
    ScheduleArtifact,
    Settings,
    TargetArtifact,
    TransformArtifact,
)
from floe_images.render.dagster import render_dagster
from tests.support.runtime import ROOT, run_inside

# `slow` counts for minutes unless it is cancelled.
FILES = {
    "dbt_project.yml": "name: tiny\nversion: '1.0'\nprofile: floe\nconfig-version: 2\nmodels: {+materialized: table}\n",
    "models/quick.sql": "select range as n from range(5)\n",
    "models/after.sql": "select n * 2 as n from {{ ref('quick') }}\n",
    "models/broken.sql": "select nothing from {{ ref('quick') }}\n",
    "models/slow.sql": "select count(*) as n from range(1000000) a, range(1000000) b where a.range % 7 = b.range % 9\n",
    "models/wrong.sql": "select range as n from range(2)\n",
    "models/models.yml": """\
models:
  - {name: after, columns: [{name: n, data_tests: [not_null]}]}
  - {name: wrong, columns: [{name: n, data_tests: [{accepted_values: {arguments: {values: [0], quote: false}}}]}]}
""",
}


@dataclass(frozen=True, kw_only=True)
class Home:
    """``environ`` makes ``folder`` what an image has under /opt/floe, with state and scratch beside it."""

    python: Path
    folder: Path
    environ: dict[str, str] = field(repr=False)

    @property
    def scratch(self) -> Path:
        return Path(self.environ["TMPDIR"])

    def floe(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a role to its end."""
        command = ("-m", "floe_images.runtime.main", *arguments)
        return run_inside(self.python, command, env={**self.environ, **(env or {})}, check=False)


def make_home(python: Path, folder: Path, *, metadata: Settings | None = None) -> Home:
    """Lay it out, with the manifest that dbt makes of `FILES`."""
    home = folder / "home"
    for name, text in FILES.items():
        file = home / "project/transform" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for name in ("dagster", "data"):
        (home / name).mkdir()
    for name in ("state", "scratch"):
        (folder / name).mkdir()
    metadata = metadata or Settings((("type", "sqlite"),))
    artifacts = CompiledArtifacts(
        name="tiny",
        adapters=("duckdb",),
        targets=(
            TargetArtifact(name="dev", adapter="duckdb", settings=Settings((("path", "/var/lib/floe/tiny.duckdb"),))),
        ),
        default_target="dev",
        transforms=(TransformArtifact(type="dbt", path=HomePath("project/transform")),),
        data=(),
        duckdb=None,
        orchestration=OrchestrationArtifact(
            metadata=metadata,
            schedules=(
                ScheduleArtifact(
                    name="nightly", cron="0 3 * * *", timezone="UTC", select=("after",), exclude=(), target=None
                ),
            ),
            sensors=(),
        ),
        observability=ObservabilityArtifact(traces=None, lineage=None),
        versions=Settings(),
    )
    (home / "artifacts.json").write_bytes(encode(artifacts))
    (home / "dagster/dagster.yaml").write_bytes(render_dagster(metadata=str(metadata.get("type"))))
    environ = {
        "FLOE_HOME": str(home),
        "FLOE_STATE_DIR": str(folder / "state"),
        "FLOE_SECRETS_DIR": str(folder / "secrets"),
        "TMPDIR": str(folder / "scratch"),
        "HOME": str(folder / "scratch"),
    }
    made = Home(python=python, folder=folder, environ=environ)
    manifest = home / "manifests/dev/project/transform/manifest.json"
    manifest.parent.mkdir(parents=True)
    parse = (
        "-m",
        "floe_images.runtime.dbt.parse",
        "--target",
        "dev",
        "--epoch",
        "1700000000",
        "--output",
        str(manifest),
    )
    run_inside(python, parse, env=environ)
    return made


@dataclass(frozen=True, kw_only=True)
class Server:
    """A role that runs. Its log goes to a file, so that no pipe fills."""

    role: str
    process: subprocess.Popen[bytes]
    log: Path

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def wait_for(self, said: str, *, seconds: float = 60) -> str:
        """The first line of the log with ``said``."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = [line for line in self.lines() if said in line]
            if found:
                return found[0]
            assert self.process.poll() is None, f"{self.role} ended:\n{self.log.read_text()}"
            time.sleep(0.05)
        raise AssertionError(f"{self.role} never said {said!r}:\n{self.log.read_text()}")

    def end(self, number: int = signal.SIGTERM, *, seconds: float = 10) -> tuple[int, float]:
        """Send a signal; the exit code, and how long it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        try:
            return self.process.wait(seconds), time.monotonic() - began
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.role} does not end:\n{self.log.read_text()}") from None

    def family(self) -> list[int]:
        """The processes that it started, and those that they started."""
        return descendants(self.process.pid)


@contextmanager
def serving(home: Home, role: str, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A role until the block ends; whatever is left of it is killed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLOE_", "DBT_", "DAGSTER_"))}
    environ = {**kept, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", **home.environ, **(env or {})}
    log = home.folder / f"{role}.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(home.python), "-m", "floe_images.runtime.main", role, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=environ,
            cwd=home.folder,
        )
    left: list[int] = []
    try:
        yield Server(role=role, process=process, log=log)
        left = descendants(process.pid)
    finally:
        if process.poll() is None:
            left = descendants(process.pid)
            process.kill()
            process.wait()
        for each in left:
            if alive(each):
                os.kill(each, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """Of a process, by /proc."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(text.rpartition(")")[2].split()[1])
    found, todo = [], [pid]
    while todo:
        parent = todo.pop()
        children = [each for each, of in parents.items() if of == parent]
        found += children
        todo += children
    return found


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass(frozen=True)
class Ui:
    """Dagster's GraphQL on a port of this machine."""

    port: int

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            said: dict[str, Any] = json.load(answer)
        assert "errors" not in said, said
        return dict(said["data"])

    def wait(self, server: Server, *, seconds: float = 240) -> None:
        """Until the server answers."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert server.process.poll() is None, f"{server.role} ended:\n{server.log.read_text()}"
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/server_info", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise AssertionError(f"nothing answers on port {self.port}")

    def launch(self, *assets: str, location: str = "tiny", checks: tuple[()] | None = ()) -> str:
        """Start a run of the assets as the UI's button does; the run's id. ``checks`` None: all of theirs."""
        selector = {
            "repositoryLocationName": location,
            "repositoryName": "__repository__",
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": [asset]} for asset in assets],
            "assetCheckSelection": None if checks is None else list(checks),
        }
        said = self.ask(
            "mutation($p: ExecutionParams!) {launchRun(executionParams: $p) {__typename"
            " ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}",
            p={"selector": selector, "runConfigData": {}, "mode": "default"},
        )["launchRun"]
        assert said["__typename"] == "LaunchRunSuccess", said
        return str(said["run"]["runId"])

    def status(self, run: str) -> str:
        said = self.ask("query($r: ID!) {runOrError(runId: $r) {... on Run {status}}}", r=run)
        return str(said["runOrError"]["status"])

    def wait_for(self, run: str, *statuses: str, seconds: float = 90) -> str:
        """The status of the run once it is one of ``statuses``."""
        deadline = time.monotonic() + seconds
        while True:
            status = self.status(run)
            if status in statuses:
                return status
            assert time.monotonic() < deadline, f"run {run} stays {status}"
            time.sleep(0.2)


TEXT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warning|error) +[a-z-]+ [\w.-]+: \S.*")
