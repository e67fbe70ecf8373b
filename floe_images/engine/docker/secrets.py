"""Secrets on their way into a container: files on a memory file system, which are gone with the run.

As the environment of a container they would be in `docker inspect` and in every crash report.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from floe_images.engine.processes import alive
from floe_images.engine.store import disk_error
from floe_images.errors import UsageError
from floe_images.progress import Progress

_PREFIX = "floe-secrets-"
# The words of the Docker client for its own addresses: a socket is http+docker://localhost.
_HERE = ("http+docker://localhost", "http+docker://localnpipe", "http://localhost:", "http://127.0.0.1:")


@contextlib.contextmanager
def secret_files(values: Mapping[str, str], *, address: str, progress: Progress) -> Iterator[Path | None]:
    """A folder with one file a value, for the block; None where there are none. ``address`` is the
    engine's, in the Docker client's words.

    Only this user gets to the folder. What is in it may be read by all, since a container sees the inner folder alone
    and its user is another one. Folders of runs that were killed go with the next run. Raises UsageError for an engine
    on another machine, DiskError.
    """
    place, in_memory = _place()
    sweep(place)
    if not values:
        yield None
        return
    if not f"{address}:".startswith(_HERE):
        raise UsageError(
            "secrets are handed over as files, which an engine on another machine does not see",
            hint="run it on that machine, or without --in-container",
        )
    if not in_memory:
        progress.note(f"there is no folder in memory here: secrets lie in {place} while the run lasts")
    outer = place / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    try:
        outer.mkdir(mode=0o700)
        inner = outer / "secrets"
        inner.mkdir()
        for name, value in values.items():
            file = inner / name
            file.write_text(value, encoding="utf-8")
            file.chmod(0o444)
        inner.chmod(0o755)
        yield inner
    except OSError as error:
        if error.filename is None or not str(error.filename).startswith(str(outer)):
            raise
        raise disk_error(error, str(outer)) from None
    finally:
        shutil.rmtree(outer, ignore_errors=True)


def sweep_secrets() -> None:
    """Remove what killed runs have left in memory: also where this run hands nothing to a container."""
    sweep(_place()[0])


def sweep(place: Path) -> None:
    """Remove the folders of runs that are no more."""
    for folder in place.glob(f"{_PREFIX}*-*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdecimal() and not alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _place() -> tuple[Path, bool]:
    """A folder to make folders in, and whether it is a memory file system."""
    for name in (os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm"):  # noqa: S108
        if name and os.path.isdir(name) and os.access(name, os.W_OK):  # noqa: PTH112
            return Path(name), True
    return Path(tempfile.gettempdir()), False
