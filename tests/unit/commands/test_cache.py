"""`floe cache`: where, how large, and what pruning removes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from floe_images.cli.console import TextConsole
from floe_images.cli.main import run
from floe_images.commands.cache import human
from floe_images.engine.store import Store


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("FLOE_CACHE_DIR", str(folder))
    for name, size, days in (("downloads/a", 1500, 10), ("downloads/b", 200, 0), ("trees/t/usr/x", 3000, 10)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
        old = time.time() - days * 86400
        os.utime(path, (old, old))
    os.utime(folder / "trees/t", (old, old))
    return folder


def test_size(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache", "size"], TextConsole()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(cache)
    assert lines[1].split(maxsplit=4)[:4] == ["1.7", "kB", "2", "files"]
    assert lines[-1].split() == ["4.7", "kB", "in", "all"]


def test_without_a_verb_it_is_the_size(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache", "size"], TextConsole()) == 0
    shown = capsys.readouterr().out
    assert run(["cache"], TextConsole()) == 0
    assert capsys.readouterr().out == shown
    assert shown.startswith(f"{cache}\n")


def test_size_as_json(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache", "size", "--json"], TextConsole()) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["folder"], told["bytes"]) == (str(cache), 4700)
    assert told["parts"]["trees"] == {"files": 1, "bytes": 3000}


def test_prune_by_age(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache", "prune", "--days", "5"], TextConsole()) == 0
    assert capsys.readouterr().out == f"4.5 kB freed in {cache}\n"
    assert sorted(path.name for path in cache.rglob("*") if path.is_file()) == ["b"]


def test_prune_everything(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache", "prune", "--json"], TextConsole()) == 0
    assert json.loads(capsys.readouterr().out) == {"folder": str(cache), "freed": 4700}
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_prune_refuses_while_a_run_uses_the_cache(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(cache).in_use():
        assert run(["cache", "prune"], TextConsole()) == 2
        assert f"process {os.getpid()} is working with the cache" in capsys.readouterr().err
        assert (cache / "downloads/a").exists()
    assert run(["cache", "prune"], TextConsole()) == 0
    assert not (cache / "downloads/a").exists()


def test_prune_spares_what_a_live_process_writes_and_takes_what_a_dead_one_left(cache: Path) -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    (cache / "tmp").mkdir()
    names = [f"in-use.{done.pid}.ab", f"layer-x.{done.pid}.ab", f"layer-x.{os.getpid()}.ab", "partial-a.kept"]
    for name in names:
        (cache / "tmp" / name).touch()
    assert run(["cache", "prune"], TextConsole()) == 0
    assert [path.name for path in (cache / "tmp").iterdir()] == [f"layer-x.{os.getpid()}.ab"]


@pytest.mark.parametrize("days", ["nan", "inf", "-1", "-inf"])
def test_days_that_are_no_number_of_days(cache: Path, days: str) -> None:
    assert run(["cache", "prune", "--days", days], TextConsole()) == 2
    assert (cache / "downloads/a").exists()


@pytest.mark.parametrize(("amount", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_340_000_000, "2.3 GB")])
def test_human(amount: int, text: str) -> None:
    assert human(amount) == text
