"""`floe cache`: where, how large, and what pruning removes."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from floe_images.cli.console import TextConsole
from floe_images.cli.main import run
from floe_images.commands.cache import human


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


@pytest.mark.parametrize(("amount", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_340_000_000, "2.3 GB")])
def test_human(amount: int, text: str) -> None:
    assert human(amount) == text
