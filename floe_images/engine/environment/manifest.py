"""dbt's manifests for `floe run`: made by the environment's own dbt when something that they depend on has changed."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from floe_images.engine.assemble.tree import read_tree
from floe_images.engine.environment.home import Home
from floe_images.engine.environment.make import Environment
from floe_images.engine.redact import redact_text
from floe_images.engine.write import write_whole
from floe_images.errors import FloeError, ProjectError, leaf_of
from floe_images.progress import Progress

_KEYS = ".made-from.json"  # target → what its manifests were made from
_PARSE = "floe_images.runtime.dbt.parse"
_BUILT = ("model", "seed", "snapshot", "test")
_TOLD = ("error: ", "hint: ")


def make_manifests(
    target: str,
    *,
    home: Home,
    base: Path,
    transforms: Sequence[str],
    artifacts: bytes,
    epoch: int,
    environment: Environment,
    environ: Mapping[str, str],
    progress: Progress,
) -> int:
    """The manifests of ``target``, one a transform, below ``home/manifests``; how many nodes `dbt build` has in them.

    ``environ`` is the child's whole environment; ``epoch`` (seconds) the time that the manifests tell. Raises
    ProjectError with dbt's own words where the project cannot be parsed, DiskError.
    """
    trees = [read_tree(base / each, where=each, base=base).digest for each in transforms]
    key = hashlib.sha256(
        json.dumps([hashlib.sha256(artifacts).hexdigest(), trees, environment.key, epoch]).encode()
    ).hexdigest()
    folder = home.home / "manifests"
    files = [folder / target / "project" / each / "manifest.json" for each in transforms]
    keys = _read_keys(folder)
    if keys.get(target) == key and all(file.is_file() for file in files):
        return sum(map(_nodes, files))
    progress.phase("manifest")
    for transform, file in zip(transforms, files, strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        arguments = ("--target", target, "--epoch", str(epoch), "--transform", f"project/{transform}")
        done = subprocess.run(
            [environment.python, "-m", _PARSE, "--placeholders", *arguments, "--output", str(file)],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise _told(done.returncode, done.stderr, transform)
    write_whole(folder / _KEYS, json.dumps({**keys, target: key}, indent=1, sort_keys=True).encode())
    return sum(map(_nodes, files))


def _nodes(file: Path) -> int:
    manifest = json.loads(file.read_bytes())
    built = sum(node["resource_type"] in _BUILT and _is_made(node) for node in manifest["nodes"].values())
    return built + len(manifest.get("unit_tests") or ())


def _is_made(node: Mapping[str, Any]) -> bool:
    return bool(node.get("config", {}).get("materialized") != "ephemeral")


def _read_keys(folder: Path) -> dict[str, str]:
    try:
        found = json.loads((folder / _KEYS).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _told(code: int, text: str, transform: str) -> FloeError:
    """The child's own error and hint, which it says last, or its last line."""
    lines = [line for line in redact_text(text).splitlines() if line.strip()]
    error, hint = (
        next((line.removeprefix(word) for line in reversed(lines) if line.startswith(word)), None) for word in _TOLD
    )
    leaf = leaf_of(code) or ProjectError
    return leaf(error or (lines[-1] if lines else "dbt gave no reason"), where=transform, hint=hint)
