"""What goes wrong beside a run: a wrong password, a catalog that goes away in the middle, a store that is full.

One clear line, an exit code of its own, and nothing half-written: what is read afterwards is the table before. A wrong
clock cannot be had here: containers have their machine's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.engine.test_platform_kills import tables
from tests.support.engine import TestEngine
from tests.support.platforms import Platform, platform_in

pytestmark = pytest.mark.engine


@contextmanager
def changed_by_hand(platform: Platform, name: str, value: str) -> Iterator[None]:
    """In place, as an editor does: a container sees a file that is mounted by its inode."""
    file = platform.folder / ".floe" / "secrets" / name
    kept = file.read_bytes()
    file.write_text(value)
    try:
        yield
    finally:
        file.write_bytes(kept)


def messages(said: str) -> list[str]:
    """A container's log is lines of JSON; what is none stays as it is."""
    return [json.loads(line)["message"] if line.startswith("{") else line for line in said.splitlines()]


def failed(said: str, model: str) -> list[str]:
    """The lines that say why the model was not built."""
    return [text for text in messages(said) if text.startswith(f"error   model {model}")]


@pytest.mark.parametrize(
    ("secret", "target", "words"),
    [
        ("warehouse", "prod", 'password authentication failed for user "floe"'),
        ("dagster", "prod", 'password authentication failed for user "dagster"'),
    ],
)
def test_a_password_that_was_changed_by_hand(platform: Platform, secret: str, target: str, words: str) -> None:
    with changed_by_hand(platform, secret, "canary-7f3a"):
        done = platform.run(target, "--select", "begun", check=False)
    assert done.returncode not in (0, 1), done.stderr
    lines = [text for text in messages(done.stdout + done.stderr) if words in text]
    assert len(lines) == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "canary-7f3a" not in done.stdout + done.stderr
    assert platform.run(target, "--select", "begun").returncode == 0


@pytest.mark.acceptance
def test_the_catalog_goes_away_in_the_middle_of_a_run(platform: Platform) -> None:
    platform.run("lake", "--select", "begun", "slow")
    had = tables(platform)
    command = [sys.executable, "-m", "floe_images", "exec", "code-server", "floe-runtime", "run", "--target", "lake"]
    process = subprocess.Popen(
        [*command, "--select", "begun", "slow"],
        cwd=platform.folder, env={**os.environ, **platform.env}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout
    said = ""
    while "success model begun" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    lake = platform.containers()["lake"]["Id"]
    platform.engine.docker("stop", lake)
    said += process.communicate(timeout=300)[0]
    platform.engine.docker("start", lake)
    platform.wait_healthy()
    assert process.returncode == 62, said
    assert "Traceback" not in said
    assert len(failed(said, "slow")) == 1, said
    now = tables(platform)
    assert {table: now[table] for table in had if table != "flights.begun"} == {
        table: then for table, then in had.items() if table != "flights.begun"
    }
    assert platform.run("lake", "--select", "slow").returncode == 0


@pytest.fixture
def small_store(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A disk of 700 MB with a file system that the service's user owns, as a block device."""
    file = tmp_path / "disk"
    with file.open("wb") as stream:
        stream.truncate(700 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-E", "root_owner=10001:0", str(file)], check=True)
    found = subprocess.run(["losetup", "--find", "--show", str(file)], check=True, capture_output=True, text=True)
    device = found.stdout.strip()
    try:
        yield file, device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


@pytest.mark.acceptance
@pytest.mark.parametrize("engine", ["classic"], indirect=True)
def test_a_store_that_is_full(engine: TestEngine, small_store: tuple[Path, str], tmp_path: Path) -> None:
    name = "platform-full"
    volume = f"floe-{name}-lake"
    mount = ("--opt", "type=ext4", "--opt", f"device={small_store[1]}", "--label", f"com.docker.compose.project={name}")
    engine.docker("volume", "rm", "--force", volume)
    engine.docker("volume", "create", *mount, volume)
    with platform_in(engine, tmp_path / "project", name) as platform:
        platform.run("lake", "--select", "stg_airlines", "stg_flights")
        had: dict[str, Any] = tables(platform)
        assert had["flights.stg_flights"]["rows"] == 336776
        filler = Path(f"/proc/{platform.process('lake')}/root/var/lib/lake/filler")
        free = os.statvfs(filler.parent)
        with filler.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, free.f_bavail * free.f_frsize - (1 << 20))
        time.sleep(15)  # the store looks at its disk now and then
        done = platform.run("lake", "--select", "stg_flights", check=False)
        assert done.returncode not in (0, 1), done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        assert len(failed(done.stdout + done.stderr, "stg_flights")) == 1, done.stdout + done.stderr
        assert tables(platform) == had

        filler.unlink()
        deadline = time.monotonic() + 180
        while platform.run("lake", "--select", "stg_flights", check=False).returncode:
            assert time.monotonic() < deadline, "with room again, a run fails still"
            time.sleep(10)
        assert tables(platform)["flights.stg_flights"]["rows"] == 336776
