"""dbt's manifests by real dbt: the same in an engine as on this machine, and nobody is asked anything."""

from __future__ import annotations

import itertools
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

from floe_images.engine.assemble import build, manifest
from floe_images.engine.assemble.interpreter import native_platform
from floe_images.engine.fetch.needed import cached, requests_for
from floe_images.engine.store import default_store
from floe_images.image.layer import LayerBlob
from floe_images.image.platform import Platform
from floe_images.plan.make import BuildOptions
from floe_images.progress import SILENT
from floe_images.project.plan import make_plan
from floe_images.spec.load import load_spec
from tests.support.engine import TestEngine
from tests.support.flights import BuiltProject, copy_project
from tests.support.manifests import manifest_layer, manifest_text

ASKS = """\
{{ config(tags=[run_started_at.strftime('%Y-%m-%d %H:%M:%S.%f')], meta={
    'id': invocation_id, 'now': modules.datetime.datetime.now() | string, 'one': [1, 2, 3, 4, 5] | random,
    'seen': [env_var('HOME'), env_var('TMPDIR', ''), env_var('FLOE_HOME', ''), env_var('PYTHONHOME', ''),
             env_var('HOSTNAME', ''), env_var('FLOE_DATA_DIR'), env_var('DBT_PROJECT_DIR'), env_var('TZDIR', '')],
    'md5': local_md5(env_var('DBT_PROJECT_DIR') ~ env_var('DBT_PROFILES_DIR') ~ env_var('DBT_TARGET_PATH')),
}) }}
select 1 as one
"""
FOREVER = "{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %} select 1 as n"
# As on a machine that runs no program of the image.
IN_ENGINE = """
from floe_images.cli import main
from floe_images.project import build
build.native_platform = lambda: None
main.main()
"""
STORE = default_store()
_count = itertools.count(time.time_ns())


def test_the_flights_manifest_is_whole_and_names_the_image_s_places_only(flights: BuiltProject) -> None:
    text = manifest_text(flights, "dev").decode()
    document = json.loads(text)
    kinds = [each["resource_type"] for each in document["nodes"].values()]
    assert (kinds.count("model"), kinds.count("test"), len(document["sources"])) == (8, 24, 4)
    assert "read_csv('/opt/floe/data/flights.csv'" in text
    assert (str(flights.folder) in text, str(default_store().root) in text) == (False, False)
    assert document["metadata"]["adapter_type"] == "duckdb"


@pytest.mark.parametrize("engine", ["classic"], indirect=True)
def test_an_engine_makes_the_same_bytes(
    engine: TestEngine, flights: BuiltProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine that runs no program of the image."""
    monkeypatch.setenv("DOCKER_HOST", engine.env["DOCKER_HOST"])
    images = {str(each["Id"]) for each in engine.api.client.api.images(all=True)}
    made = _made_now(flights, flights.folder, None, monkeypatch)
    assert made.digest == manifest_layer(flights)
    assert {str(each["Id"]) for each in engine.api.client.api.images(all=True)} <= images


@pytest.mark.acceptance
@pytest.mark.parametrize("engine", ["classic"], indirect=True)
def test_a_project_that_asks_for_time_chance_and_places_is_the_same_bytes(
    engine: TestEngine, flights: BuiltProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice on this machine, at other times and with another home, and once in an engine."""
    monkeypatch.setenv("DOCKER_HOST", engine.env["DOCKER_HOST"])
    project = copy_project(flights, tmp_path / "asking")
    (project / "transform/models/asks.sql").write_text(ASKS)
    here = _made_now(flights, project, native_platform(), monkeypatch)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("FLOE_HOME", str(tmp_path))
    again = _made_now(flights, project, native_platform(), monkeypatch)
    assert (again.digest, _made_now(flights, project, None, monkeypatch).digest) == (here.digest, here.digest)


def _made_now(
    flights: BuiltProject, project: Path, machine: Platform | None, monkeypatch: pytest.MonkeyPatch
) -> LayerBlob:
    """The layer of manifests, whatever the cache has. ``machine`` None: as on one that runs no program of the image."""
    monkeypatch.setattr(manifest, "RECIPE", str(next(_count)))
    own = native_platform()
    assert own
    plan = make_plan(load_spec(project / "floe.yaml"), flights.lock, options=BuildOptions(platforms=(own,)))
    (made,) = build.assemble(
        plan,
        files=cached(requests_for(flights.lock, [own]), STORE),
        project=project,
        store=STORE,
        progress=SILENT,
        interpreter=flights.lock.debs(own),
        machine=machine,
    )
    assert (made.layers[-1].name, made.layers[-1].rebuilt) == ("manifest", True)
    return made.layers[-1]


@pytest.mark.acceptance
@pytest.mark.parametrize("engine", ["classic"], indirect=True)
def test_a_build_that_is_ended_while_dbt_runs_in_an_engine_leaves_nothing_there(
    engine: TestEngine, flights: BuiltProject, tmp_path: Path
) -> None:
    """dbt has nothing to say and does not come to an end."""
    project = copy_project(flights, tmp_path / "ended")
    (project / "transform/models/forever.sql").write_text(FOREVER)
    env = {**os.environ, "DOCKER_HOST": engine.env["DOCKER_HOST"], "SOURCE_DATE_EPOCH": str(int(time.time()))}
    with subprocess.Popen([sys.executable, "-c", IN_ENGINE, "build", "--frozen"], cwd=project, env=env) as process:
        try:
            end = time.monotonic() + 400
            while not (found := _dbt_in_engine(engine, process.pid)) and process.poll() is None:
                assert time.monotonic() < end
                time.sleep(0.2)
            (container,) = found
            image = engine.docker("inspect", "--format", "{{.Image}}", container).stdout.strip()
            process.terminate()
            assert process.wait(timeout=60) == 130
        finally:
            process.kill()
    assert _dbt_in_engine(engine, process.pid) == []
    assert "No such image" in engine.docker("image", "inspect", image, check=False).stderr


def _dbt_in_engine(engine: TestEngine, pid: int) -> list[str]:
    """The containers, in whatever state, that the build of this process made."""
    owner = f"label=floe.owner={platform.node()} {pid}"
    return engine.docker("ps", "--all", "--quiet", "--filter", owner).stdout.split()


def test_dbt_asks_nobody_and_writes_nowhere_else(flights: BuiltProject, tmp_path: Path) -> None:
    """strace(1) over a whole build in which dbt reads the project anew."""
    project = copy_project(flights, tmp_path / "traced")
    trace = tmp_path / "trace"
    calls = "trace=connect,sendto,sendmsg,sendmmsg,openat,rename,mkdir,unshare"
    command = ["strace", "-f", "-qq", "-e", calls, "-o", str(trace), sys.executable, "-m", "floe_images", "build"]
    home = tmp_path / "home"
    home.mkdir()
    env = {
        **os.environ,
        "SOURCE_DATE_EPOCH": str(int(time.time())),  # which no build had yet
        "HOME": str(home),
        "FLOE_CACHE_DIR": str(default_store().root),
    }
    done = subprocess.run([*command, "--frozen"], cwd=project, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "phase manifest" in done.stderr
    lines = trace.read_text(errors="replace").splitlines()
    (dbt,) = {line.split()[0] for line in lines if "unshare(CLONE_NEWNET" in line}
    mine = [line for line in lines if line.split()[0] == dbt]
    assert any("dbt/cli/main" in line for line in mine)
    asked = [line for line in lines if "sa_family=AF_INET" in line]
    assert asked == []
    # The locks between processes that dbt makes are semaphores, which are gone as soon as they are open (sem_open(3)).
    usual = ('"/dev/null"', '"/dev/shm/sem.')
    scratch = str(default_store().root.resolve() / "tmp" / "manifest")
    written = [line for line in mine if "O_WRONLY" in line or "O_RDWR" in line or "O_CREAT" in line]
    assert [line for line in written if not any(place in line for place in (scratch, *usual))] == []
    assert list(home.iterdir()) == []
