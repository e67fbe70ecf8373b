"""dbt's manifests: where they lie, and what is in them. They are made with the image, else by its containers."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from floe_images.errors import FloeError, ProjectError, disk_error, leaf_of
from floe_images.runtime.dbt.lock import WriterLock
from floe_images.runtime.places import Places

_PARSE = "floe_images.runtime.dbt.parse"
_MADE = "floe-manifests"
_ROOT = Path(__file__).parents[2]
_TOLD = ("error: ", "hint: ")


def carried_manifest(home: Path, target: str, transform: str) -> Path:
    """Where an image carries the manifest of a dbt project; ``transform`` is its path in the artifacts."""
    return home / "manifests" / target / transform / "manifest.json"


def manifest_path(home: Path, target: str, transform: str) -> Path:
    """Where the manifest of a dbt project lies; ``transform`` is its path in the artifacts (``project/transform``).

    Where the image has none (``floe build --no-bytecode``), the place below /tmp where `read_manifest` puts it.
    """
    carried = carried_manifest(home, target, transform)
    if carried.is_file():
        return carried
    made = Places.of(os.environ).scratch / _MADE / _state(home, transform)
    return made / target / transform / "manifest.json"


def read_manifest(home: Path, target: str, transform: str) -> dict[str, Any]:
    """dbt's manifest (https://schemas.getdbt.com/dbt/manifest/v12.json), made now where there is none.

    Raise ProjectError, and what dbt's process ended with.
    """
    path = manifest_path(home, target, transform)
    try:
        if not path.is_file():
            _make(path, home, target, transform)
        document = json.loads(path.read_bytes())
    except OSError as fault:
        raise ProjectError(f"the dbt manifest cannot be read: {fault.strerror}", where=str(path)) from None
    except ValueError:
        document = None
    if not isinstance(document, dict) or "nodes" not in document:
        raise ProjectError("this is not a dbt manifest", where=str(path), hint="build the image again")
    return document


def _make(path: Path, home: Path, target: str, transform: str) -> None:
    """By a process of its own, since dbt is not to be imported here; once, whoever else asks at the same time."""
    if not (home / transform).is_dir():
        raise ProjectError(
            f"there is no dbt manifest of {transform} for the target {target}, nor the project",
            where=str(home),
            hint="floe build makes both for each target; outside of an image floe run does",
        )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as fault:
        raise disk_error(fault, str(path.parent)) from None
    with WriterLock(path, run="start") as lock:
        lock.acquire(_say)
        if path.is_file():
            return
        _say(f"dbt reads {transform} for the target {target}: the image has no manifests")
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        more = {"FLOE_HOME": str(home), "PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"}
        wanted = ("--target", target, "--transform", transform, "--epoch", str(int(time.time())), "--output", str(path))
        done = subprocess.run(
            [sys.executable, "-m", _PARSE, "--placeholders", *wanted],
            env={**os.environ, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    if done.returncode:
        raise _told(done.returncode, done.stderr, transform)


def _told(code: int, text: str, transform: str) -> FloeError:
    """The child's own error and hint, which it says last, or its last line."""
    lines = [line for line in text.splitlines() if line.strip()]
    error, hint = (
        next((line.removeprefix(word) for line in reversed(lines) if line.startswith(word)), None) for word in _TOLD
    )
    leaf = leaf_of(code) or ProjectError
    return leaf(error or f"{transform}: {lines[-1] if lines else 'dbt gave no reason'}", hint=hint)


def _state(home: Path, transform: str) -> str:
    """Of what a manifest is made from, as far as names, sizes and times tell: a container may be started again."""
    found = hashlib.sha256(str(home).encode())
    for folder, folders, names in os.walk(home / transform):
        folders.sort()
        for name in sorted(names):
            state = Path(folder, name).lstat()
            found.update(f"{folder} {name} {state.st_size} {state.st_mtime_ns}\n".encode())
    artifacts = home / "artifacts.json"
    found.update(artifacts.read_bytes() if artifacts.is_file() else b"")
    return found.hexdigest()[:16]


def _say(line: str) -> None:
    sys.stderr.write(f"floe-runtime: {line}\n")
