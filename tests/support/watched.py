"""A site with a secret wherever one can be put, on an island: who is contacted is recorded, what is left is searched.

Warehouse, Dagster's metadata, collector and lineage server are real, and stand on the far shore under the names that
the artifacts give them; nobody else exists.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from floe_images.artifacts.codec import encode
from floe_images.artifacts.model import (
    CompiledArtifacts,
    HomePath,
    ObservabilityArtifact,
    OrchestrationArtifact,
    Reference,
    ScheduleArtifact,
    Setting,
    Settings,
    TargetArtifact,
    TransformArtifact,
)
from floe_images.render.dagster import render_dagster
from tests.support.canary import Found
from tests.support.flights import ROOT
from tests.support.netns import Island, island
from tests.support.postgres import Postgres
from tests.support.telemetry import Recorder, recorder

NEEDLE = "zq7xjkv3wq9h"  # in every secret, at its beginning and at its end
KEY_NEEDLE = "KEYzq5vjxk8w"  # likewise in what has to be a word: the name of a user that is a secret
WAREHOUSE, METADATA, COLLECTOR, LINEAGE, NOBODY = (
    f"{name}.example.internal" for name in ("warehouse", "metadata", "collector", "lineage", "nobody")
)
PORTS = {WAREHOUSE: 5432, METADATA: 5432, COLLECTOR: 4317, LINEAGE: 5000}
PROJECT = {
    "dbt_project.yml": "name: watched\nversion: '1.0'\nprofile: floe\nmodels: {+materialized: table}\n",
    "models/one.sql": "select 1 as id\n",
    "models/two.sql": "select id + 1 as id from {{ ref('one') }}\n",
    "models/schema.yml": "models: [{name: one, columns: [{name: id, data_tests: [unique]}]}]\n",
}


def secret(place: str) -> str:
    """A value with everything that quoting changes."""
    return f"{NEEDLE}-{place}\"\\/+ %&'{{}}$;#:@-{NEEDLE}"


def settings(**values: Setting) -> Settings:
    return Settings(tuple(sorted(values.items())))


def ref(name: str) -> Reference:
    return Reference(kind="secret", name=name)


def target(name: str, adapter: str, **values: Setting) -> TargetArtifact:
    return TargetArtifact(name=name, adapter=adapter, settings=settings(**values))


def postgres_target(name: str, **values: Setting) -> TargetArtifact:
    given = {"host": WAREHOUSE, "port": 5432, "user": "warehouse", "password": ref("warehouse"),
             "database": "warehouse", "schema": "marts", **values}  # fmt: skip
    return target(name, "postgres", **given)


TARGETS = (
    postgres_target("pg"),
    postgres_target("pg-env", password=Reference(kind="env", name="WAREHOUSE_PASSWORD")),
    postgres_target("pg-wrong", password=ref("wrong")),
    postgres_target("pg-stranger", user=ref("stranger"), password=ref("wrong")),
    postgres_target("pg-refused", port=5499),
    postgres_target("pg-nobody", host=NOBODY),
)


@dataclass(frozen=True, kw_only=True)
class Watched:
    """``environ`` is what `floe-runtime` is started with; ``logs`` has what every process said."""

    folder: Path
    python: Path
    land: Island
    postgres: Postgres
    collector: Recorder
    environ: Mapping[str, str] = field(repr=False)

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def run(self, name: str, *command: str, env: Mapping[str, str] | None = None, timeout: float = 180) -> int:
        """Run ``python command`` on the island; its exit code."""
        with self.start(name, *command, env=env) as process:
            return process.wait(timeout)

    def floe(self, name: str, *arguments: str, env: Mapping[str, str] | None = None) -> int:
        return self.run(name, "-m", "floe_images.runtime.main", *arguments, env=env)

    @contextlib.contextmanager
    def start(
        self, name: str, *command: str, env: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A process of the island, which ends with the block."""
        with (self.logs / f"{name}.out").open("wb") as out, (self.logs / f"{name}.err").open("wb") as err:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.land.name, str(self.python), *command],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env={**self.environ, **(env or {})}, cwd=self.folder / "scratch",
            )  # fmt: skip
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                    try:
                        process.wait(15)
                    except subprocess.TimeoutExpired:
                        process.kill()
                        process.wait()

    def said(self, name: str) -> str:
        return (self.logs / f"{name}.out").read_text() + (self.logs / f"{name}.err").read_text()

    def contacts(self) -> set[str]:
        return contacts(self.land)

    def leaks(self, *paths: Path) -> list[Found]:
        """Secrets in ``paths``, or in everything that was left: logs, state volume, scratch, home, both databases."""
        if not paths:
            paths = (
                self.logs,
                self.folder / "state",
                self.folder / "scratch",
                self.folder / "home",
                *databases(self.postgres, self.folder / "dump"),
            )
        return search(self.python, paths)


def contacts(land: Island) -> set[str]:
    """Names that were looked up and addresses that were sent something, in the names' words."""
    names = {address: name for name, address in land.shore.items()}
    time.sleep(0.6)  # the recorder's own pause
    told = (re.split(r"(?<=\d)(?=:\d+/)", each, maxsplit=1) for each in land.packets)
    met = {"".join((names.get(address, address), *rest)) for address, *rest in told}
    return met | set(land.questions)


def databases(postgres: Postgres, folder: Path) -> list[Path]:
    """What both databases hold: the rows of every table, written below ``folder``, the pages, and the server's log."""
    folder.mkdir(exist_ok=True)
    for database in ("warehouse", "metadata"):
        tables = postgres.psql(
            "select format('%I.%I', schemaname, tablename) from pg_tables"
            " where schemaname not in ('pg_catalog', 'information_schema')",
            database=database,
        )
        rows = [
            row for (table,) in tables for row in postgres.psql(f"select t::text from {table} t", database=database)
        ]
        (folder / database).write_text("\n".join(cell for row in rows for cell in row))
    postgres.psql("checkpoint")
    found = postgres.psql("select oid from pg_database where datname in ('warehouse', 'metadata')")
    return [folder, postgres.data / "pg_wal", *(postgres.data / "base" / oid for (oid,) in found)]


def search(python: Path, paths: Sequence[Path], needles: Sequence[str] = (NEEDLE, KEY_NEEDLE)) -> list[Found]:
    """`canary`'s search of files and folders, by the runtime's Python."""
    script = Path(__file__).with_name("canary.py")
    done = subprocess.run(
        [str(python), str(script), *needles, "--", *map(str, paths)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [tuple(found) for found in json.loads(done.stdout)]


@contextlib.contextmanager
def watched_site(
    folder: Path,
    python: Path,
    postgres: Postgres,
    *,
    targets: Sequence[TargetArtifact] = TARGETS,
    more: Mapping[str, str] = {},
) -> Iterator[Watched]:
    """``more``: further secrets by name."""
    secrets = {**make_secrets(postgres), **more}
    lay_out(folder, secrets, targets)
    with island(shore=(*PORTS, NOBODY)) as land, recorder(python) as collector:
        bring(land, postgres, collector)
        # The variable is what `{env: NAME}` needs; nothing that switches anybody's telemetry off is set from outside.
        environ = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "PYTHONSAFEPATH": "1",
            "FLOE_HOME": str(folder / "home"),
            "FLOE_STATE_DIR": str(folder / "state"),
            "FLOE_SECRETS_DIR": str(folder / "secrets"),
            "TMPDIR": str(folder / "scratch"),
            "HOME": str(folder / "scratch"),
            "WAREHOUSE_PASSWORD": secrets["warehouse"],
        }
        yield Watched(folder=folder, python=python, land=land, postgres=postgres, collector=collector, environ=environ)


def make_secrets(postgres: Postgres) -> dict[str, str]:
    """Secrets by name, and the roles and databases whose passwords two of them are."""
    secrets = {name: secret(name) for name in ("warehouse", "wrong", "metadata", "header", "lineage")}
    secrets["stranger"] = f"{KEY_NEEDLE}_stranger"
    for name in ("warehouse", "metadata"):
        quoted = secrets[name].replace("'", "''")
        postgres.psql(f"create role {name} login password '{quoted}'")
        postgres.psql(f"create database {name} owner {name}")
    return secrets


def bring(land: Island, postgres: Postgres, collector: Recorder) -> None:
    """Who `PORTS` names stands on the far shore."""
    ports = {COLLECTOR: collector.grpc, LINEAGE: collector.http}
    for name, port in PORTS.items():
        land.bring(name, port, int(ports[name].rpartition(":")[2]) if name in ports else postgres.port)


def lay_out(folder: Path, secrets: Mapping[str, str], targets: Sequence[TargetArtifact]) -> None:
    """What an image has under /opt/floe, the secrets that are mounted, and empty places to write to."""
    artifacts = CompiledArtifacts(
        name="watched",
        adapters=tuple(sorted({each.adapter for each in targets})),
        targets=tuple(sorted(targets, key=lambda each: each.name)),
        default_target="pg",
        transforms=(TransformArtifact(type="dbt", path=HomePath("project/transform")),),
        data=(),
        duckdb=None,
        orchestration=OrchestrationArtifact(
            metadata=settings(type="postgres", host=METADATA, port=5432, user="metadata", password=ref("metadata"),
                              database="metadata"),
            schedules=(ScheduleArtifact(name="often", cron="* * * * *", timezone="UTC", select=(), exclude=(),
                                        target=None),),
            sensors=(),
        ),
        observability=ObservabilityArtifact(
            traces=settings(endpoint=f"http://{COLLECTOR}:4317", protocol="grpc",
                            headers=settings(**{"x-token": ref("header")})),
            lineage=settings(type="http", url=f"http://{LINEAGE}:5000", endpoint="api/v1/lineage",
                             api_key=ref("lineage")),
        ),
        versions=Settings(),
    )  # fmt: skip
    files = {
        "home/artifacts.json": encode(artifacts).decode(),
        "home/dagster/dagster.yaml": render_dagster(metadata="postgres").decode(),
        **{f"home/project/transform/{name}": text for name, text in PROJECT.items()},
        **{f"secrets/{name}": value for name, value in secrets.items()},
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name in ("state", "scratch", "logs", "home/data"):
        (folder / name).mkdir(exist_ok=True)


def make_manifests(site: Watched, *names: str) -> None:
    """The manifests of the targets ``names``, as `floe build` makes them: with placeholders."""
    for name in names:
        output = site.folder / f"home/manifests/{name}/project/transform/manifest.json"
        output.parent.mkdir(parents=True, exist_ok=True)
        first = site.folder / f"home/manifests/{names[0]}/project/transform/manifest.json"
        options = ("--target", name, "--epoch", "0", "--output", str(output), "--placeholders")
        if name == names[0]:
            assert site.run(f"parse-{name}", "-m", "floe_images.runtime.dbt.parse", *options) == 0
        else:
            shutil.copyfile(first, output)
