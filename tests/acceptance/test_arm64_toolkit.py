"""The toolkit itself on another processor: built in an arm64 container, with no network, the digest is the same.

The container is the flights image for arm64 (its Python, under qemu where this machine is not arm64); the toolkit and
its dependencies for arm64 are mounted into it, and of the cache only the downloads.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from floe_images.engine.store import default_store
from tests.acceptance.test_reproducible import dependencies
from tests.offline.conftest import Built
from tests.support.engine import TestEngine
from tests.support.flights import HARDENED, BuiltProject, copy_project, loaded
from tests.support.mirror_floe import copy_cache, index_digest, whole
from tests.support.mirror_tiny import ROOT

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.network,
    pytest.mark.parametrize("engine", ["classic"], indirect=True),
]


@pytest.fixture(scope="session")
def toolkit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH: this checkout's package and its dependencies, as wheels for arm64."""
    folder = tmp_path_factory.mktemp("toolkit")
    target = ("--target", str(folder), "--python-platform", "aarch64-manylinux_2_28", "--python-version", "3.11")
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, "pip", "install", "--quiet", *target, "--only-binary", ":all:", *dependencies()]
    subprocess.run(command, check=True)
    shutil.copytree(ROOT / "floe_images", folder / "floe_images", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def build_on_arm64(engine: TestEngine, image: str, toolkit: Path, project: Path, cache: Path) -> dict[str, object]:
    """`floe build --frozen --json` in a container of ``image``; what it said."""
    mounts = {toolkit: "/toolkit:ro", project: "/site/project", cache: "/site/cache"}
    volumes = [word for path, place in mounts.items() for word in ("--volume", f"{path}:{place}")]
    env = {"PYTHONPATH": "/toolkit", "FLOE_CACHE_DIR": "/site/cache", "USER": "somebody"}
    variables = [word for name, value in env.items() for word in ("--env", f"{name}={value}")]
    flags = (*HARDENED, *volumes, *variables, "--user", f"{os.getuid()}:{os.getgid()}", "--workdir", "/site/project")
    python = ("--entrypoint", "/usr/bin/python3.11", "--platform", "linux/arm64")
    command = ("-c", "import platform; print(platform.machine())")
    assert engine.docker("run", "--rm", *flags, *python, image, *command).stdout == "aarch64\n"
    said = engine.docker("run", "--rm", *flags, *python, image, "-m", "floe_images", "build", "--frozen", "--json")
    found: dict[str, object] = json.loads(said.stdout)
    return found


def test_a_tiny_project(engine: TestEngine, flights: BuiltProject, built: Built, toolkit: Path, tmp_path: Path) -> None:
    project = built.ground.project("on-arm64", lock=built.lock)
    cache = copy_cache(built.cache, tmp_path / "cache", "downloads")
    with loaded(engine, flights.archive("linux/arm64")) as image:
        said = build_on_arm64(engine, image, toolkit, project, cache)
    assert said["digest"] == built.digest
    assert index_digest(project / ".floe/image") == built.digest
    assert whole(project / ".floe/image") == []
    # It was made there, with that machine's own interpreter: nothing but downloads was in the cache.
    assert {path.name for path in cache.iterdir()} >= {"fragments", "blobs", "trees"}


@pytest.mark.timeout(5400)
def test_the_flights_example(engine: TestEngine, flights: BuiltProject, toolkit: Path, tmp_path: Path) -> None:
    project = copy_project(flights, tmp_path / "flights")
    downloads = default_store().root / "downloads"
    wanted = tmp_path / "cache" / "downloads"
    wanted.mkdir(parents=True)
    lock = flights.lock
    names = {file.sha256 for wheel in lock.wheels for _, file in wheel.files}
    names |= {deb.file.sha256 for platform in lock.platforms for deb in lock.debs(platform)}
    for name in names | {data.file.sha256 for data in lock.data}:
        shutil.copyfile(downloads / name, wanted / name)
    with loaded(engine, flights.archive("linux/arm64")) as image:
        said = build_on_arm64(engine, image, toolkit, project, wanted.parent)
    assert said["digest"] == flights.digest
