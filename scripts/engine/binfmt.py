"""arm64 programs on an amd64 machine: binfmt_misc's entry for qemu, said when made and undone on the way down."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Callable
from pathlib import Path

MISC = Path("/proc/sys/fs/binfmt_misc")
NAME = "floe-aarch64"
# ELF, 64 bits, little-endian, EM_AARCH64 (0xb7), executable or shared; as in Debian's qemu-user-static.
_MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
_MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"


def register(root: Path, run: Path, say: Callable[[str], None]) -> None:
    """Let this machine run aarch64 programs, unless it can already. ``run`` remembers what was done."""
    if platform.machine() == "aarch64" or _someone_elses():
        return
    if not (MISC / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(MISC)], check=True)
        (run / "binfmt-mounted").touch()
    if (MISC / NAME).exists():
        return
    # F: the kernel opens the interpreter now, so that it works in every container.
    entry = f":{NAME}:M::{_MAGIC}:{_MASK}:{root / 'usr/bin/qemu-aarch64-static'}:F"
    (MISC / "register").write_text(entry)
    (run / "binfmt-registered").touch()
    say("registered qemu for arm64 programs with binfmt_misc on this machine (undone by `engine.py down`)")


def unregister(run: Path, say: Callable[[str], None]) -> None:
    """Undo what `register` did, and only that."""
    registered = run / "binfmt-registered"
    if registered.exists():
        if (MISC / NAME).exists():
            (MISC / NAME).write_text("-1")
            say("removed the binfmt_misc entry for arm64 programs")
        registered.unlink()
    mounted = run / "binfmt-mounted"
    if mounted.exists():
        subprocess.run(["umount", str(MISC)], capture_output=True)
        mounted.unlink()


def _someone_elses() -> bool:
    if not MISC.is_dir():
        return False
    return any(
        "qemu-aarch64" in entry.read_text(errors="replace")
        for entry in MISC.iterdir()
        if entry.name not in ("register", "status", NAME)
    )
