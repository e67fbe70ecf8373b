"""Environments of tools whose pins clash with the development tools': made once from a file of hashes, and kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tests.support.flights import ROOT
from tests.support.locked import file_lock

CACHE = Path.home() / ".cache" / "floe-tests"


def pinned_environment(name: str) -> Path:
    """The ``bin`` folder of the environment of ``requirements/NAME.txt``."""
    import uv

    pins = ROOT / "requirements" / f"{name}.txt"
    folder = CACHE / name / hashlib.sha256(pins.read_bytes()).hexdigest()[:16]
    with file_lock(folder.with_suffix(".lock")):
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            for command in (
                ["venv", "--quiet", "--python", "3.11", str(folder / "venv")],
                ["pip", "sync", "--quiet", "--compile-bytecode", "--require-hashes", str(pins)],
            ):
                environ = {**os.environ, "VIRTUAL_ENV": str(folder / "venv")}
                done = subprocess.run([uv.find_uv_bin(), *command], capture_output=True, text=True, env=environ)
                assert done.returncode == 0, f"uv {' '.join(command)}: {done.stderr[-2000:]}"
            (folder / "ready").touch()
    return folder / "venv" / "bin"
