"""uv as an installer into a new environment: exactly the locked files, or the locked versions for another machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from floe_images.engine.environment.host import HostPython, python_of
from floe_images.engine.fetch.reach import Reach
from floe_images.engine.redact import redact_text
from floe_images.engine.resolve.uv import failure, uv_cache
from floe_images.engine.resolve.uv_index import authenticated_links, index_arguments, uv_environment, write_private
from floe_images.engine.resolve.uv_program import uv_binary
from floe_images.engine.store import Store
from floe_images.errors import DiskError, DiskFullError, FloeError, ResolveError

_QUIET = ("--quiet", "--no-config", "--no-python-downloads", "--color", "never")
_NO_WHEEL = re.compile(r"([A-Za-z0-9._-]+)==(\S+) has no (?:usable wheels|wheels|source distribution)")
_LONGEST = 1500  # characters of uv's reason


def new_environment(folder: Path, python: HostPython) -> None:
    """An empty environment that can be moved. Raises DiskError, DiskFullError."""
    arguments = ("venv", *_QUIET, "--relocatable", "--no-project", "--python", str(python.path), str(folder))
    done = _uv(arguments, folder.parent, _local_environment())
    if done.returncode:
        raise _disk_failure(done.stderr, folder)


@dataclass(frozen=True, kw_only=True)
class WheelFile:
    """A locked wheel and where its bytes are; ``file`` is its name on an index."""

    name: str
    version: str
    file: str
    sha256: str
    path: Path


def install_files(folder: Path, wheels: Sequence[WheelFile], *, work: Path) -> None:
    """Install exactly these files; no index is asked.

    ``work`` is a private folder on the same file system. Raises DiskError, DiskFullError, ResolveError.
    """
    shelf = work / "wheels"
    shelf.mkdir()
    for wheel in wheels:
        _link(wheel.path, shelf / wheel.file)
    lines = [f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}" for wheel in wheels]
    write_private(work / "requirements.txt", lines)
    arguments = (
        *("pip", "install", *_QUIET, "--offline", "--no-deps", "--require-hashes", "--no-index"),
        *("--find-links", str(shelf), "--python", str(python_of(folder)), "--requirements", "requirements.txt"),
    )
    # A cache of its own, thrown away: names of links never come again, so uv's would only grow.
    done = _uv(arguments, work, {**_local_environment(), "UV_CACHE_DIR": str(work / "uv")})
    if done.returncode:
        raise _disk_failure(done.stderr, folder)


def install_versions(
    folder: Path,
    requirements: Sequence[str],
    pins: Sequence[str],
    *,
    python: HostPython,
    reach: Reach,
    folders: Sequence[Path],
    store: Store,
    work: Path,
) -> None:
    """Install ``requirements`` (PEP 508) at the versions of ``pins`` (``name==version``), wheels only, from the index.

    What only this machine needs beside the pins comes in the newest version that fits. Raises ResolveError naming the
    pin that has no wheel for this machine, and the leaves for mirrors and disks.
    """
    write_private(work / "requirements.txt", [*authenticated_links(reach.index, reach.http), *requirements])
    write_private(work / "constraints.txt", pins)
    arguments = (
        *("pip", "install", *_QUIET, "--only-binary", ":all:", "--python", str(python_of(folder))),
        *index_arguments(reach.index, reach.http, folders),
        *("--requirements", "requirements.txt", "--constraints", "constraints.txt"),
    )
    cache = uv_cache(store)
    environment = uv_environment(reach.index, reach.http) | ({"UV_CACHE_DIR": str(cache)} if cache else {})
    done = _uv(arguments, work, environment)
    if done.returncode:
        secrets = [credential.password for credential in reach.http.settings.credentials]
        text = redact_text(done.stderr, secrets)
        raise _no_wheel(text, python) or failure(text, f"this machine's Python {python.short}", reach.http, reach.index)


def _no_wheel(text: str, python: HostPython) -> ResolveError | None:
    missing = _NO_WHEEL.search(" ".join(text.split()))
    if missing is None:
        return None
    return ResolveError(
        f"{missing[1]} {missing[2]} has no wheel for this machine ({python.system} {python.machine}, "
        f"Python {python.short})",
        where="floe.lock",
        hint="run it in a container (--in-container), or lock a version that has one (image.python_packages)",
    )


def _link(path: Path, name: Path) -> None:
    try:
        name.symlink_to(path)
    except OSError:  # Windows without the right to make links
        os.link(path, name)


def _local_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_", "PYTHON"))}


def _uv(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [uv_binary(), *arguments],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def _disk_failure(text: str, folder: Path) -> FloeError:
    told = " ".join(redact_text(text).split())[:_LONGEST]
    if "No space left" in told or "Disk quota" in told:
        return DiskFullError("no space left on the device", where=str(folder), hint="free some space and run it again")
    if "os error" in told:
        return DiskError(f"the environment cannot be made: {told}", where=str(folder), hint="see `floe cache`")
    return ResolveError(f"the environment cannot be made: {told}", where=f"Python {sys.version.split()[0]}")
