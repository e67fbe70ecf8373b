"""A runtime environment for tests: the wheels that the image has, in a venv, once for each lock.

The dev environment has neither dbt nor Dagster and must not. A test that needs them starts this Python as a child
process and asserts on what it prints.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.flights import ROOT, SIX_YAML, floe
from tests.support.locked import file_lock

# Dagster's storage in Postgres brings packages of its own, and so do Iceberg catalogs and what their tables lie in.
_YAML = f"""{SIX_YAML}\
catalogs:
  azure: {{type: local, warehouse: /var/lib/floe/azure, storage: {{type: azure, account: six}}}}
  folder: {{type: local, warehouse: /var/lib/floe/iceberg}}
  glue: {{type: glue, region: us-east-1}}
  google: {{type: local, warehouse: /var/lib/floe/google, storage: {{type: gcs}}}}
  hive: {{type: hive, uri: "thrift://six:9083", storage: {{type: s3}}}}
orchestration:
  metadata: {{type: postgres, host: metadata, user: floe, password: {{secret: metadata}}, database: floe}}
"""
CACHE = Path.home() / ".cache" / "floe-tests" / "runtime"


@pytest.fixture(scope="session")
def runtime_python() -> Path:
    """`runtime_environment`, once for all tests."""
    return runtime_environment()


def runtime_environment() -> Path:
    """The interpreter of an environment with dbt, its six adapters, Dagster and what the image has beside them.

    FLOE_TEST_RUNTIME names another one. Made from a lock of the project's own making and kept, with its bytecode.
    """
    given = os.environ.get("FLOE_TEST_RUNTIME")
    if given:
        return Path(given)
    extra = (ROOT / "pyproject.toml").read_text().split("runtime = [")[1].split("]")[0]
    wanted = _YAML + extra + (ROOT / "floe_images/lock/requirements.py").read_text()
    folder = CACHE / hashlib.sha256(wanted.encode()).hexdigest()[:16]
    python = folder / "venv" / "bin" / "python"
    with file_lock(folder.with_suffix(".lock")):
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder)
            (folder / "ready").touch()
    return python


def _make(folder: Path) -> None:
    """As `floe run` makes its own: the lock's pins, and bytecode as in the image."""
    import uv

    (folder / "transform").mkdir(parents=True)
    (folder / "floe.yaml").write_text(_YAML)
    (folder / "transform" / "dbt_project.yml").write_text("name: six\nversion: '1.0'\nprofile: six\n")
    floe(folder, "lock")
    floe(folder, "lock", "--export", "pylock", "--output", "pylock.toml")
    environ = {**os.environ, "VIRTUAL_ENV": str(folder / "venv")}
    commands = (
        ["venv", "--python", "3.11", str(folder / "venv")],
        ["pip", "sync", "--compile-bytecode", "--quiet", str(folder / "pylock.toml")],
    )
    for command in commands:
        done = subprocess.run([uv.find_uv_bin(), *command], capture_output=True, text=True, cwd=folder, env=environ)
        assert done.returncode == 0, f"uv {' '.join(command)}: {done.stderr[-3000:]}"


def run_inside(
    python: Path,
    arguments: Sequence[str],
    *,
    env: Mapping[str, str],
    check: bool = True,
    timeout: float = 120,
    input: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the environment's Python on this checkout's floe_images; ``env`` is all of its FLOE_ and DBT_ variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLOE_", "DBT_", "DAGSTER_"))}
    done = subprocess.run(
        [str(python), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        input=input,
        env={**kept, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", **env},
    )
    assert not check or done.returncode == 0, f"{' '.join(arguments)}: {done.returncode}\n{done.stderr[-4000:]}"
    return done
