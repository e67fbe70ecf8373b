"""The image by hand: bake.hcl on a base that floe made, then a whole pipeline in it with the hardened flags."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from floe_images.engine.docker.run import RunRequest, run
from floe_images.engine.docker.tidy import make_volume, remove_image, remove_volume
from tests.support.engine import TestEngine
from tests.support.flights import BuiltProject, copy_project
from tests.support.manifests import PLACE, manifest_text

ROOT = Path(__file__).parents[2]
TAG = "floe-test-by-hand:latest"
BASE = "floe-test-base:latest"
VOLUME = "floe-test-by-hand"

# One store in `make test`: what the stores do differently is loading, and that has tests of its own.
STORES = ["classic", pytest.param("containerd", marks=pytest.mark.acceptance)]


@pytest.fixture(scope="module")
def prepared(flights: BuiltProject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("by-hand")
    project = copy_project(flights, folder / "flights")
    _python(
        str(ROOT / "scripts" / "prepare_docker.py"),
        str(project),
        "--output",
        str(folder / "prepared"),
        "--base",
        BASE,
        cwd=folder,
    )
    return folder


def _python(*arguments: str, cwd: Path) -> None:
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def image(engine: TestEngine, prepared: Path) -> Iterator[str]:
    engine.docker("load", "--quiet", "--input", str(prepared / "prepared" / "base.tar"))
    variables = {
        "PREPARED": str(prepared / "prepared"),
        "PROJECT": str(prepared / "flights" / "transform"),
        "BASE": BASE,
        "TAG": TAG,
    }
    done = subprocess.run(
        ["docker", "buildx", "bake", "--file", "bake.hcl"],
        cwd=ROOT,
        env={**engine.env, **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    make_volume(engine.api, VOLUME)
    yield TAG
    remove_volume(engine.api, VOLUME)
    for name in (TAG, BASE):
        remove_image(engine.api, name)


def _run(engine: TestEngine, *command: str) -> tuple[int, str]:
    heard = bytearray()
    request = RunRequest(
        image=TAG, command=command, volumes=((VOLUME, "/var/lib/floe"),), pids=256, memory=1 << 30, tmpfs=1 << 28
    )
    outcome = run(engine.api, request, lambda out, err: heard.extend(out or err or b""))
    return outcome.exit_code, heard.decode()


@pytest.mark.parametrize("engine", STORES, indirect=True)
def test_the_dockerfile_s_image_runs_the_whole_pipeline_hardened(
    engine: TestEngine, image: str, flights: BuiltProject, tmp_path: Path
) -> None:
    said = "ok: flights, target dev, adapters duckdb, DuckDB extensions httpfs avro iceberg\n"
    assert _run(engine, "check") == (0, said)

    code, log = _run(engine, "dbt", "build")
    assert code == 0, log
    assert "Done. PASS=32 WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL=32" in log

    query = "select carrier, flights, cancelled from {{ ref('carrier_performance') }} order by flights desc"
    code, rows = _run(engine, "dbt", "--quiet", "show", "--output", "json", "--limit", "2", "--inline", query)
    assert code == 0, rows
    assert json.loads(rows)["show"] == [
        {"carrier": "UA", "flights": 58665, "cancelled": 686},
        {"carrier": "B6", "flights": 54635, "cancelled": 466},
    ]

    found = json.loads(engine.docker("image", "inspect", image).stdout)[0]["Config"]
    assert found["User"] == "10001:0"
    assert found["Healthcheck"]["Test"] == ["CMD", "/usr/local/bin/floe-runtime", "check", "--quick"]
    container = engine.docker("create", image).stdout.strip()
    engine.docker("cp", f"{container}:/{PLACE.format(target='dev')}", str(tmp_path / "manifest.json"))
    engine.docker("rm", container)
    assert (tmp_path / "manifest.json").read_bytes() == manifest_text(flights, "dev")
    files = engine.files(image)
    assert not files & {"bin/sh", "usr/bin/sh", "usr/bin/dash", "usr/bin/apt", "usr/bin/dpkg", "usr/local/bin/uv"}
