"""What runs on this machine write while they last, and what those that were killed have left of it."""

from __future__ import annotations

import platform
import re
import shutil

from floe_images.engine.processes import alive
from floe_images.engine.store import Store


def run_label() -> str:
    """For `Store.folder`. It names the machine: the number of a process says nothing on another one."""
    return f"run-{re.sub('[^A-Za-z0-9-]', '-', platform.node()) or 'here'}"


def sweep_runs(store: Store) -> None:
    """Remove the folders of this machine's runs whose process is gone. Nothing is raised."""
    for folder in (store.root / "tmp").glob(f"{run_label()}.*.*"):
        pid = folder.name.split(".")[1]
        if pid.isdecimal() and not alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
