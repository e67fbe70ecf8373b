"""The demo without an engine: `floe run`, in an environment that floe makes from the lock for this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from floe_images.engine.environment.make import Environment, make_environment
from floe_images.engine.fetch.reach import find_reach
from floe_images.engine.store import default_store
from floe_images.lock.requirements import python_requirements
from floe_images.progress import SILENT
from floe_images.project.lock import LOCK_FILE, load_lock
from floe_images.spec.load import load_spec


def run_pipeline(work: Path, floe: Callable[..., str], show_marts: str, say: Callable[[str], None]) -> None:
    say("no container engine can be had here: the pipeline runs in this machine's own Python")
    print(
        "Nothing is hardened or cut off from the network: what is shown is that the pipeline works, not that the image "
        "does.",
        flush=True,
    )
    floe("run")
    say("the marts")
    python = environment(work).python
    state = work / ".floe" / "state" / "flights.duckdb"
    subprocess.run([python, "-c", show_marts, state], env={**os.environ, "PYTHONPATH": ""}, check=True)


def environment(work: Path) -> Environment:
    """The one that `floe run` has just used."""
    loaded = load_spec(work / "floe.yaml")
    store = default_store()
    with store.in_use():
        return make_environment(
            load_lock(work / LOCK_FILE),
            python_requirements(loaded.spec),
            reach=lambda: find_reach(loaded.spec.image.mirrors, loaded.base),
            store=store,
            progress=SILENT,
        )
