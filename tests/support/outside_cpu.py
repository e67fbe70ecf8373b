"""Run a piece of Python on other processors: an x86 without SSE4.2 and AVX, and arm64 (both by qemu's user mode).

arm64's Python is put together from Debian's own packages, found through this machine's mirror and checked by the hashes
of its package index; nothing of this machine's changes (no foreign architecture for dpkg, no binfmt).
"""

from __future__ import annotations

import hashlib
import lzma
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.mirror_upstream import Recorded, default_cache
from tests.support.outside import tool, tools

_PYTHON_ARM64 = (
    *("libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libexpat1", "libssl3", "libcrypt1", "libbz2-1.0", "liblzma5"),
    *("libffi8", "libuuid1", "libsqlite3-0", "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib"),
)


def native() -> list[str]:
    return [sys.executable]


def old_x86() -> list[str]:
    """This Python on a Core 2 Duo of 2006: SSSE3 at best."""
    return [tool("qemu-x86_64-static"), "-cpu", "core2duo", sys.executable]


def arm64() -> list[str]:
    """Debian's Python 3.11 for arm64."""
    root = _arm64_root()
    return [tool("qemu-aarch64-static"), "-L", str(root), str(root / "usr/bin/python3.11")]


def python_packages(machine: str, *requirements: str) -> Path:
    """A folder of wheels' content for this Python on ``x86_64`` or for 3.11 on ``aarch64``, made once."""
    version = "3.11" if machine == "aarch64" else f"{sys.version_info.major}.{sys.version_info.minor}"
    name = hashlib.sha256("\n".join([version, *requirements]).encode()).hexdigest()[:12]
    folder = tools() / f"python-{machine}-{name}"
    if not folder.exists():
        scratch = folder.with_name(f".{folder.name}")
        shutil.rmtree(scratch, ignore_errors=True)
        uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
        wanted = [
            "--python-platform",
            f"{machine}-manylinux_2_28",
            "--python-version",
            "3.11",
            "--only-binary",
            ":all:",
        ]
        subprocess.run(
            [uv, "pip", "install", "-q", "--no-deps", *wanted, "--target", scratch, *requirements], check=True
        )
        scratch.rename(folder)
    return folder


def _arm64_root() -> Path:
    root = tools() / "arm64"
    if root.exists():
        return root
    content = Recorded(folder=default_cache(), record=True)
    index = content.debian("debian", "dists/bookworm/main/binary-arm64/Packages.xz")
    assert index is not None, "the Debian mirror has no arm64 index"
    scratch = root.with_name(".arm64")
    shutil.rmtree(scratch, ignore_errors=True)
    wanted = set(_PYTHON_ARM64)
    for stanza in lzma.decompress(index.read_bytes()).decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Package") in wanted:
            wanted.remove(fields["Package"])
            deb = content.debian("debian", fields["Filename"])
            assert deb is not None
            assert hashlib.sha256(deb.read_bytes()).hexdigest() == fields["SHA256"]
            subprocess.run(["dpkg-deb", "-x", str(deb), str(scratch)], check=True)
    assert not wanted, f"not in the arm64 index: {sorted(wanted)}"
    scratch.rename(root)
    return root
