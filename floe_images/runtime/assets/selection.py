"""What dbt selections select, by dbt's own rules: asked of a process that has dbt, remembered in scratch."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from floe_images.errors import DiskError, ProjectError

_FOLDER = "floe-selections"
_ROOT = Path(__file__).parents[3]
_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Selection:
    """dbt's ``--select`` and ``--exclude``; an empty ``select`` is everything."""

    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        return not self.select and not self.exclude


def resolve(selections: Sequence[Selection], *, manifest: Path, scratch: Path) -> dict[Selection, frozenset[str]]:
    """The unique ids of the models, seeds, snapshots, sources and tests that each one selects in ``manifest``.

    A test that is not selected itself is taken where all that it looks at is selected or made before what is
    (https://docs.getdbt.com/reference/global-configs/indirect-selection: ``buildable``).

    Raise ProjectError for a selection that dbt does not understand; one that selects nothing is an empty set.
    """
    wanted = sorted(set(selections), key=lambda each: (each.select, each.exclude))
    if not wanted:
        return {}
    question = json.dumps([{"select": each.select, "exclude": each.exclude} for each in wanted])
    key = hashlib.sha256(b"\0".join((b"2", manifest.read_bytes(), question.encode()))).hexdigest()
    remembered = scratch / _FOLDER / f"{key}.json"
    answer = _read(remembered, len(wanted))
    if answer is None:
        answer = _ask(question, manifest)
        _remember(remembered, answer)
    return {each: frozenset(ids) for each, ids in zip(wanted, answer, strict=True)}


def _ask(question: str, manifest: Path) -> list[list[str]]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(":")}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "floe_images.runtime.assets.resolver", str(manifest)],
        input=question,
        capture_output=True,
        text=True,
        env=environ,
        timeout=_SECONDS,
        check=False,
    )
    lines = done.stderr.strip().splitlines()
    if done.returncode:
        raise ProjectError(
            lines[-1] if lines else f"dbt's selector ended with exit code {done.returncode}",
            hint="select and exclude take dbt's node selection: names, tag:…, path:…, +name, name+",
        )
    answer: list[list[str]] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _read(file: Path, length: int) -> list[list[str]] | None:
    try:
        answer = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    return answer if isinstance(answer, list) and len(answer) == length else None


def _remember(file: Path, answer: list[list[str]]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=".")
        with os.fdopen(handle, "w", encoding="utf-8") as new:
            json.dump(answer, new)
        os.replace(name, file)
    except OSError as fault:
        raise DiskError(f"cannot be written: {fault.strerror}", where=str(file.parent)) from None
