"""pytest that is killed with -9 leaves no container, whoever made it: testcontainers, the docker command, compose."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from tests.support.built import AMD64, ARM64, static_program
from tests.support.engine import TestEngine
from tests.support.flights import ROOT

_TEST = """\
import os, subprocess, time
from pathlib import Path
os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"
from testcontainers.core.container import DockerContainer
from tests.support.engine import engine

def test_that_waits(tmp_path):
    with engine("classic") as found:
        os.environ.update(found.env)
        name, _, value = found.reaper.label.partition("=")
        by_library = DockerContainer("IMAGE").with_kwargs(labels={name: value})
        by_library.start()
        by_command = found.docker("create", "--name", "PROJECT-alone", "IMAGE").stdout.strip()
        file = tmp_path / "compose.yaml"
        file.write_text("services: {one: {image: IMAGE, volumes: ['kept:/x']}}\\nvolumes: {kept: {}}\\n")
        found.reaper.project("PROJECT")
        compose = ["docker", "compose", "--project-name", "PROJECT", "--file", str(file)]
        subprocess.run([*compose, "up", "--detach", "--pull", "never"], env=found.env, check=True)
        Path("MADE").write_text(f"{by_library.get_wrapped_container().id} {by_command}")
        time.sleep(300)
"""


@pytest.fixture
def image(engine: TestEngine, tmp_path: Path) -> str:
    """Of one program, which ends at once: what is left of a container is there all the same."""
    (tmp_path / "say").write_bytes(static_program(AMD64 if engine.api.architecture == "amd64" else ARM64, "x\n"))
    (tmp_path / "say").chmod(0o755)
    with tarfile.open(tmp_path / "image.tar", "w") as archive:
        archive.add(tmp_path / "say", "say")
    name = "floe-test-killed:1"
    engine.docker("import", "--change", 'ENTRYPOINT ["/say"]', str(tmp_path / "image.tar"), name)
    return name


@pytest.mark.parametrize("engine", ["classic"], indirect=True)
def test_kill_9_leaves_nothing(engine: TestEngine, image: str, tmp_path: Path) -> None:
    project, made = "floe-test-killed", tmp_path / "made"
    text = _TEST.replace("IMAGE", image).replace("PROJECT", project).replace("MADE", str(made))
    (tmp_path / "test_that_waits.py").write_text(text)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    env = {**engine.env, "PYTHONPATH": str(ROOT), "FLOE_TEST_DOCKER_HOST": engine.env["DOCKER_HOST"]}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 120
        while not made.exists() or len(made.read_text().split()) < 2:
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
        ids = made.read_text().split()
        assert len(_there(engine, *ids)) == 2
        assert len(_there(engine, project=project)) == 1
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 30
        while _there(engine, *ids) | _there(engine, project=project) | _volumes(engine, project):
            assert time.monotonic() < deadline, "something is left"
            time.sleep(0.2)
    finally:
        process.kill()
        process.wait()
        engine.docker("image", "rm", "--force", image)


def _there(engine: TestEngine, *ids: str, project: str | None = None) -> set[str]:
    filters = [f"label=com.docker.compose.project={project}"] if project else [f"id={each}" for each in ids]
    words = [word for each in filters for word in ("--filter", each)]
    return set(engine.docker("ps", "--all", "--quiet", "--no-trunc", *words).stdout.split())


def _volumes(engine: TestEngine, project: str) -> set[str]:
    found = engine.docker("volume", "ls", "--quiet", "--filter", f"label=com.docker.compose.project={project}")
    return set(found.stdout.split())
