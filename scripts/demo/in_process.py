"""The demo without an engine: the pipeline in an environment that uv makes from the lock's pins for this machine."""

from __future__ import annotations

import os
import platform as host
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

from floe_images.errors import ResolveError
from floe_images.image.contents import open_layer
from floe_images.image.read import open_source, read_index
from floe_images.lock.reader import read_lock

_HOME = "opt/floe/"


def platform() -> str:
    """The platform of the image whose project and data are used: this processor's, as Linux."""
    return "linux/arm64" if host.machine().lower() in ("arm64", "aarch64") else "linux/amd64"


def run_pipeline(work: Path, archive: Path, show_marts: str, say: Callable[[str], None]) -> None:
    say("no container engine can be had here: the pipeline runs in this machine's own Python")
    print(
        "These are the lock's versions, but not its files: they are wheels for this machine and its Python. Nothing\n"
        "is hardened or cut off from the network. What is shown is that the pipeline works, not that the image does.",
        flush=True,
    )
    python = make_environment(work)
    home = unpack_home(archive, work / "home")
    state, scratch = work / "state", work / "scratch"
    state.mkdir()
    scratch.mkdir()
    environment = {
        **os.environ,
        "FLOE_HOME": str(home),
        "FLOE_STATE_DIR": str(state),
        "TMPDIR": str(scratch),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    say("floe-runtime dbt build")
    subprocess.run([python, "-m", "floe_images.runtime.main", "dbt", "build"], env=environment, cwd=work, check=True)
    say("the marts")
    subprocess.run([python, "-c", show_marts, state / "flights.duckdb"], env=environment, cwd=work, check=True)


def make_environment(work: Path) -> Path:
    """A new environment with the lock's versions. ResolveError where one of them has no wheel for this machine."""
    from uv import find_uv_bin

    uv, folder = find_uv_bin(), work / "venv"
    pins = work / "pins.txt"
    lock = read_lock((work / "floe.lock").read_bytes(), "floe.lock")
    pins.write_text("".join(f"{wheel.name}=={wheel.version}\n" for wheel in lock.wheels))
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--python", python, "-r", pins]
    done = subprocess.run(install, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise ResolveError(
            "a locked version has no wheel for this machine and its Python: " + " ".join(done.stderr.split())[:600],
            hint=f"run the demo with Python {lock.python}, or on a machine with a container engine",
        )
    return python


def unpack_home(archive: Path, folder: Path) -> Path:
    """The image's ``/opt/floe``: artifacts, project and data, as files below ``folder``."""
    with open_source(archive) as source:
        for layer in read_index(source).images[0].layers:
            with open_layer(source, layer) as tar, tarfile.open(fileobj=tar, mode="r|") as entries:
                for entry in entries:
                    if entry.isreg() and entry.name.startswith(_HOME):
                        stream = entries.extractfile(entry)
                        path = folder / entry.name.removeprefix(_HOME)
                        path.parent.mkdir(parents=True, exist_ok=True)
                        assert stream is not None
                        path.write_bytes(stream.read())
    return folder
