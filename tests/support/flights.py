"""Projects that the real command `floe` locked and built, once a session: the flights example, and all six adapters.

The user's cache serves them, so that a second session takes seconds. Each gives what a user would have: a folder, a
lock, a layout, archives, and the JSON of `floe build --json`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from floe_images.lock.model import Lock
from floe_images.lock.reader import read_lock
from tests.support.engine import TestEngine

ROOT = Path(__file__).parents[2]
PLATFORMS = ("linux/amd64", "linux/arm64")

# The flags of every container: what a careful site sets, spelled for the stock client.
HARDENED = (
    "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none",
    "--pids-limit", "512", "--memory", "2g", "--memory-swap", "2g", "--tmpfs", "/tmp",
)  # fmt: skip
STATE = "/var/lib/floe"

SIX = ("duckdb", "postgres", "snowflake", "bigquery", "redshift", "databricks")
SIX_YAML = """\
version: "1.0"
name: six
image: {platforms: [linux/amd64, linux/arm64], max_size: 2GB, repository: registry.example.internal/tests/six}
adapters: [duckdb, postgres, snowflake, bigquery, redshift, databricks]
targets:
  duckdb: {adapter: duckdb, path: /var/lib/floe/six.duckdb}
  postgres: {adapter: postgres, host: {env: PGHOST}, user: floe, password: {secret: postgres}, database: six}
  snowflake:
    {adapter: snowflake, account: six, user: floe, auth: {method: password, password: {secret: snowflake}},
     warehouse: six, database: six, schema: six}
  bigquery: {adapter: bigquery, project: six, dataset: six, auth: {method: service_account, key: {secret: bigquery}}}
  redshift:
    {adapter: redshift, host: redshift.example.internal, user: floe, database: six, schema: six,
     auth: {method: password, password: {secret: redshift}}}
  databricks:
    {adapter: databricks, host: databricks.example.internal, http_path: /sql/six, schema: six,
     auth: {method: token, token: {secret: databricks}}}
default_target: duckdb
transforms: [{type: dbt, path: transform}]
"""


@dataclass(frozen=True, kw_only=True)
class BuiltProject:
    """``said`` is the JSON of `floe build --output archives --json`."""

    folder: Path
    said: dict[str, Any]

    @property
    def lock(self) -> Lock:
        return read_lock((self.folder / "floe.lock").read_bytes(), "floe.lock")

    @property
    def reference(self) -> str:
        return str(self.said["reference"])

    @property
    def digest(self) -> str:
        return str(self.said["digest"])

    @property
    def layout(self) -> Path:
        return self.folder / self.said["layout"]

    def image(self, platform: str) -> dict[str, Any]:
        """The platform's part of ``said``: digests, sizes, layers."""
        (found,) = [image for image in self.said["images"] if image["platform"] == platform]
        return dict(found)

    def archive(self, platform: str) -> Path:
        (found,) = [path for path in self.said["archives"] if path.endswith(f"{platform.replace('/', '-')}.tar")]
        return self.folder / str(found)


def floe(
    folder: Path, *arguments: str, env: dict[str, str] | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run the command in ``folder``. SOURCE_DATE_EPOCH of the caller's shell does not count."""
    environ = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    command = [sys.executable, "-m", "floe_images", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**environ, **(env or {})})
    assert not check or done.returncode == 0, f"floe {' '.join(arguments)}: {done.returncode}\n{done.stderr[-4000:]}"
    return done


def build(folder: Path, *arguments: str) -> BuiltProject:
    """Lock where there is no lock, and build with archives."""
    if not (folder / "floe.lock").exists():
        floe(folder, "lock")
    done = floe(folder, "build", "--locked", "--output", "archives", "--json", *arguments)
    return BuiltProject(folder=folder, said=json.loads(done.stdout))


def copy_project(project: BuiltProject, folder: Path) -> Path:
    """The files a user commits, the lock included, in another folder."""
    kept = shutil.ignore_patterns(".floe", "archives")
    return Path(shutil.copytree(project.folder, folder, ignore=kept))


@pytest.fixture(scope="session")
def flights(tmp_path_factory: pytest.TempPathFactory) -> BuiltProject:
    """`floe init --example flights`, locked and built for both platforms."""
    folder = tmp_path_factory.mktemp("built") / "flights"
    floe(folder.parent, "init", "--example", "flights", "--folder", str(folder))
    return build(folder)


@pytest.fixture(scope="session")
def six_adapters(tmp_path_factory: pytest.TempPathFactory) -> BuiltProject:
    """All adapters with a target each, every secret by reference; locked and built for both platforms."""
    folder = tmp_path_factory.mktemp("built") / "six"
    (folder / "transform" / "models").mkdir(parents=True)
    (folder / "floe.yaml").write_text(SIX_YAML)
    (folder / "transform" / "dbt_project.yml").write_text("name: six\nversion: '1.0'\nprofile: six\n")
    (folder / "transform" / "models" / "six.sql").write_text("select 6 as adapters\n")
    return build(folder)


@contextmanager
def loaded(engine: TestEngine, archive: Path) -> Iterator[str]:
    """`docker load --input` an archive; the image's ID, which also tells two platforms under one tag apart."""
    said = engine.docker("load", "--input", str(archive)).stdout
    prefix = "Loaded image: "
    (reference,) = [line.removeprefix(prefix) for line in said.splitlines() if line.startswith(prefix)]
    image = engine.docker("image", "inspect", "--format", "{{.Id}}", reference).stdout.strip()
    try:
        yield image
    finally:
        engine.docker("image", "rm", "--force", image, check=False)


@contextmanager
def volume(engine: TestEngine, name: str) -> Iterator[str]:
    """A fresh named volume for the state."""
    engine.docker("volume", "rm", "--force", name)
    engine.docker("volume", "create", name)
    try:
        yield name
    finally:
        engine.docker("volume", "rm", "--force", name, check=False)


def run_hardened(
    engine: TestEngine,
    image: str,
    *command: str,
    flags: Sequence[str] = (),
    user: str | None = "12345:0",
    state: str | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """`docker run` with the flags of a careful site. ``user`` None: the image's own; ``state``: a volume's name."""
    who = ("--user", user) if user else ()
    mount = ("--volume", f"{state}:{STATE}") if state else ()
    return engine.docker("run", "--rm", *HARDENED, *who, *mount, *flags, image, *command, check=check)


def python_inside(
    engine: TestEngine, image: str, code: str, *arguments: str, flags: Sequence[str] = (), state: str | None = None
) -> Any:
    """Run Python in the hardened container; the JSON that its last line of output is."""
    entry = ("--entrypoint", "/usr/bin/python3.11", *flags)
    done = run_hardened(engine, image, "-c", code, *arguments, flags=entry, state=state)
    return json.loads(done.stdout.splitlines()[-1])


def inside(name: str) -> str:
    """The source of a program for `python_inside`, from tests/support/inside."""
    return (Path(__file__).parent / "inside" / f"{name}.py").read_text()


# Modules that a distribution brings and that cannot be imported here, with what Python says.
NOT_IMPORTABLE = {
    "adbc_driver_duckdb": "No module named 'adbc_driver_manager'",  # an extra of DuckDB's that nothing here asks for
    "vertex_ray": "cannot import name 'bigquery_storage'",  # an extra of google-cloud-aiplatform's: Ray
}


def assert_all_import(found: dict[str, Any], project: BuiltProject) -> None:
    """Hold what ``inside("imports")`` printed against the lock: every distribution brought modules, all import."""
    unexpected = {
        module: said for module, said in found["failed"].items() if NOT_IMPORTABLE.get(module, "\0") not in said
    }
    assert unexpected == {}
    assert found["rootless"] == []
    assert len(found["imported"]) == len(project.lock.wheels) + 1
    assert "dbt" in found["imported"]["dbt-core"]
    assert sum(map(len, found["imported"].values())) >= len(project.lock.wheels)
