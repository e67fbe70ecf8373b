"""A dbt project with artifacts as an image would carry them, and runs of it in a runtime environment."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from floe_images.artifacts.codec import encode
from floe_images.artifacts.events import Event, NodeFinished, RunFinished, Said, from_line
from floe_images.artifacts.model import (
    CompiledArtifacts,
    HomePath,
    ObservabilityArtifact,
    OrchestrationArtifact,
    Reference,
    Settings,
    TargetArtifact,
    TransformArtifact,
)
from tests.support.flights import ROOT
from tests.support.postgres import Postgres

TRANSFORM = "project/shop"
DUCKDB = TargetArtifact(
    name="dev",
    adapter="duckdb",
    settings=Settings((("path", "/var/lib/floe/shop.duckdb"), ("schema", "main"), ("threads", 2))),
)
_EXECUTE = ROOT / "tests" / "support" / "inside" / "execute.py"


def _artifacts(port: int) -> CompiledArtifacts:
    """Targets ``dev`` on DuckDB and ``pg`` on a PostgreSQL of this port."""
    settings = {
        "database": Reference(kind="env", name="SHOP_DATABASE"),
        "host": Reference(kind="env", name="SHOP_HOST"),
        "password": Reference(kind="secret", name="shop_password"),
        "port": port,
        "schema": "public",
        "sslmode": "prefer",
        "threads": 2,
        "user": "floe",
    }
    return CompiledArtifacts(
        name="shop",
        adapters=("duckdb", "postgres"),
        targets=(DUCKDB, TargetArtifact(name="pg", adapter="postgres", settings=Settings(tuple(settings.items())))),
        default_target="dev",
        transforms=(TransformArtifact(type="dbt", path=HomePath(TRANSFORM)),),
        data=(),
        duckdb=None,
        orchestration=OrchestrationArtifact(metadata=Settings((("type", "sqlite"),)), schedules=(), sensors=()),
        observability=ObservabilityArtifact(traces=None, lineage=None),
        versions=Settings(),
    )


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one dbt invocation told."""

    events: tuple[Event, ...]

    @property
    def end(self) -> RunFinished:
        last = self.events[-1]
        assert isinstance(last, RunFinished)
        assert sum(isinstance(event, RunFinished) for event in self.events) == 1
        return last

    @property
    def finished(self) -> dict[str, NodeFinished]:
        """By name."""
        return {event.name: event for event in self.events if isinstance(event, NodeFinished)}

    @property
    def said(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Said)]


@dataclass(frozen=True, kw_only=True)
class World:
    """FLOE_HOME, the state volume, secrets and scratch in one folder, and the environment that says so."""

    folder: Path
    python: Path
    env: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(
        cls, folder: Path, python: Path, files: Mapping[str, str], *, env: Mapping[str, str] | None = None
    ) -> World:
        """``files`` are those of the project; ``dbt_project.yml`` is there without being given."""
        for name in ("home", "state", "secrets", "tmp"):
            (folder / name).mkdir(parents=True)
        given = {
            "FLOE_HOME": str(folder / "home"),
            "FLOE_STATE_DIR": str(folder / "state"),
            "FLOE_SECRETS_DIR": str(folder / "secrets"),
            "TMPDIR": str(folder / "tmp"),
            "HOME": str(folder / "tmp"),
        }
        world = cls(folder=folder, python=python, env={**given, **(env or {})})
        project = "name: shop\nversion: '1.0'\nconfig-version: 2\nprofile: floe\n"
        world.write({"dbt_project.yml": project, **files})
        (folder / "home" / "artifacts.json").write_bytes(encode(_artifacts(5432)))
        return world

    @property
    def project(self) -> Path:
        return self.folder / "home" / TRANSFORM

    @property
    def database(self) -> Path:
        return self.folder / "state" / "shop.duckdb"

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            file = self.project / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def on(self, postgres: Postgres, database: str) -> World:
        """The same with the target ``pg`` on this server."""
        (self.folder / "secrets" / "shop_password").write_text(postgres.password + "\n")
        (self.folder / "home" / "artifacts.json").write_bytes(encode(_artifacts(postgres.port)))
        return replace(self, env={**self.env, "SHOP_HOST": postgres.host, "SHOP_DATABASE": database})

    def parse(self, output: Path) -> Path:
        """Write the manifest of the target ``dev``, as `floe build` does."""
        options = ("--placeholders", "--target", "dev", "--epoch", "1700000000", "--output", str(output))
        done = subprocess.run(
            [str(self.python), "-m", "floe_images.runtime.dbt.parse", *options],
            capture_output=True,
            text=True,
            env=self.environ,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        return output

    def carry(self, manifest: Path) -> None:
        """From now on FLOE_HOME has this manifest of the target ``dev``."""
        file = self.folder / "home/manifests/dev" / TRANSFORM / "manifest.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(manifest.read_bytes())

    def start(self, *requests: Mapping[str, Any]) -> subprocess.Popen[str]:
        """A process that runs these at the same time; its stdout has their events."""
        process = subprocess.Popen(
            [str(self.python), str(_EXECUTE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environ,
        )
        assert process.stdin
        named = ({"run_id": f"run-{n}", "job": "test", "transform": TRANSFORM, "target": "dev", **each}
                 for n, each in enumerate(requests))  # fmt: skip
        process.stdin.write(json.dumps(list(named)) + "\n")
        process.stdin.flush()
        return process

    def run(self, *requests: Mapping[str, Any]) -> list[Run]:
        """What each of them told, all at the same time."""
        process = self.start(*(requests or ({},)))
        stdout, stderr = process.communicate(timeout=300)
        assert process.returncode == 0, stderr
        return runs_of(stdout.splitlines())

    def query(self, sql: str) -> list[list[Any]]:
        """The rows of a statement on the DuckDB file."""
        code = "import duckdb, json, sys; c = duckdb.connect(sys.argv[1], read_only=True)\n"
        code += "print(json.dumps(c.execute(sys.argv[2]).fetchall(), default=str))"
        done = subprocess.run(
            [str(self.python), "-c", code, str(self.database), sql], capture_output=True, text=True, env=self.environ
        )
        assert done.returncode == 0, done.stderr
        return list(json.loads(done.stdout))

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLOE_", "DBT_", "DAGSTER_"))}
        return {**kept, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", **self.env}


def runs_of(lines: Iterable[str]) -> list[Run]:
    """The events of each request, in the order of the requests."""
    found: dict[int, list[Event]] = {}
    for line in lines:
        document = json.loads(line)
        found.setdefault(document.pop("n"), []).append(from_line(json.dumps(document)))
    return [Run(events=tuple(found[number])) for number in sorted(found)]
