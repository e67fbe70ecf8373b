"""The Python of this machine that the runtime can run on: the lock's version where uv finds one."""

from __future__ import annotations

import json
import os
import platform as machine_of
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from floe_images.engine.resolve.uv_program import GLIBC, uv_binary
from floe_images.errors import InterpreterError
from floe_images.image.platform import Platform

_ASK = """
import json, os, platform, sys
libc = platform.libc_ver()
print(json.dumps([os.path.realpath(sys.executable), list(sys.version_info[:3]), sys.implementation.name, sys.platform,
    platform.machine(), libc[1] if libc[0] == "glibc" else ""]))
"""
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_DUCKDB_SYSTEMS = {"linux": "linux", "darwin": "osx", "win32": "windows"}


@dataclass(frozen=True, kw_only=True)
class HostPython:
    """``version`` is (3, 11, 7), ``system`` is ``sys.platform``'s word, ``glibc`` is empty where there is another libc.

    ``wanted`` tells whether it is of the version that was asked for.
    """

    path: Path
    version: tuple[int, int, int]
    implementation: str
    system: str
    machine: str
    glibc: tuple[int, ...]
    wanted: bool

    @property
    def short(self) -> str:
        return f"{self.version[0]}.{self.version[1]}"

    @property
    def architecture(self) -> str:
        """OCI's word (``amd64``), or the machine's own where OCI's images are not made for it."""
        return _ARCHITECTURES.get(self.machine.lower(), self.machine.lower())

    @property
    def duckdb_platform(self) -> str:
        """The folder that DuckDB looks for extensions in: ``linux_amd64``, ``osx_arm64``, ``windows_amd64``."""
        return f"{_DUCKDB_SYSTEMS.get(self.system, self.system)}_{self.architecture}"

    @property
    def platform(self) -> Platform | None:
        """The platform whose locked files run here; None where only the locked versions can serve."""
        runs = self.system == "linux" and self.implementation == "cpython" and self.glibc >= GLIBC and self.wanted
        return Platform("linux", self.architecture) if runs and self.architecture in ("amd64", "arm64") else None


def find_python(wanted: str) -> HostPython:
    """CPython ``wanted`` ("3.11"): the one that runs this, or one that uv finds; else whatever runs this.

    Nothing is downloaded. Raises InterpreterError where the one that was found does not start.
    """
    own = _own(wanted)
    if own.wanted and own.implementation == "cpython":
        return own
    arguments = ("python", "find", "--system", "--no-python-downloads", "--no-config", "--no-project")
    found = subprocess.run(
        [uv_binary(), *arguments, f"cpython@{wanted}"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return _ask(Path(found), wanted) if found else own


def _own(wanted: str) -> HostPython:
    """The interpreter under this environment, so that nothing of this environment is needed later."""
    libc, version = machine_of.libc_ver()
    return HostPython(
        path=Path(os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)),
        version=sys.version_info[:3],
        implementation=sys.implementation.name,
        system=sys.platform,
        machine=machine_of.machine(),
        glibc=_numbers(version) if libc == "glibc" else (),
        wanted=f"{sys.version_info[0]}.{sys.version_info[1]}" == wanted,
    )


def _ask(python: Path, wanted: str) -> HostPython:
    try:
        done = subprocess.run([python, "-I", "-c", _ASK], capture_output=True, text=True, check=True)
        path, version, implementation, system, machine, glibc = json.loads(done.stdout)
    except (OSError, subprocess.CalledProcessError, ValueError):
        raise InterpreterError("this Python does not start", where=str(python), hint="install Python anew") from None
    return HostPython(
        path=Path(path),
        version=tuple(version),
        implementation=implementation,
        system=system,
        machine=machine,
        glibc=_numbers(glibc),
        wanted=f"{version[0]}.{version[1]}" == wanted,
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def python_of(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
