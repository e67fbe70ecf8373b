"""What `floe run` refuses before it reads anything, and what it removes of runs that were killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from floe_images.commands.run import command
from floe_images.engine.docker import secrets
from floe_images.engine.environment.leftovers import run_label, sweep_runs
from floe_images.engine.store import Store
from floe_images.errors import UsageError


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--select", "a", "b"], "'b' belongs to no option: each selection has one of its own"),
        (["--select", "a", "--exclude", "c", "d"], "'d' belongs to no option: each selection has one of its own"),
        (["--select", ""], "--select is empty"),
        (["--exclude", "a", "--exclude", " "], "--exclude is empty"),
    ],
)
def test_selections_that_dbt_would_take_otherwise(arguments: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        command.main([*arguments, "--file", str(tmp_path / "floe.yaml")], standalone_mode=False)
    assert raised.value.message == said


def dead() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_folders_of_killed_runs_go_and_others_stay(tmp_path: Path) -> None:
    store, gone = Store(tmp_path), dead()
    with store.folder(run_label()) as ours:
        assert ours.name.startswith(f"{run_label()}.{os.getpid()}.")
        names = [f"{run_label()}.{gone}.00ff", f"run-other-machine.{gone}.00ff", f"blobs-1.{gone}.00ff"]
        for name in names:
            (tmp_path / "tmp" / name).mkdir()
            (tmp_path / "tmp" / name / "file").write_text("x")
        sweep_runs(store)
        assert sorted(path.name for path in (tmp_path / "tmp").iterdir()) == sorted([ours.name, *names[1:]])


def test_secrets_of_killed_runs_go_with_any_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for pid in (dead(), os.getpid()):
        (tmp_path / f"floe-secrets-{pid}-00ff" / "secrets").mkdir(parents=True)
    secrets.sweep_secrets()
    assert [path.name for path in tmp_path.iterdir()] == [f"floe-secrets-{os.getpid()}-00ff"]
