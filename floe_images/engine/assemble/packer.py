"""The constants of packing: whatever changes the bytes of a layer for equal inputs is here or bumps the version."""

from __future__ import annotations

import zlib_ng

# Changes with every change of tar headers, entry order, gzip framing, folder modes or the bytecode recipe.
PACKER_VERSION = 1

# zlib-ng's level; the figures behind the choice are in docs/decisions/0003-compressor-and-packer.md.
GZIP_LEVEL = 3

# 1980-01-01T00:00:00Z, the oldest time that zip tools accept: a new lock must not change a layer whose files are equal.
FILE_TIME = 315532800

# Folders that are not 0755, wherever a layer needs them as a parent: a layer above must not undo the base's mode.
FOLDER_MODES = {"root": 0o700, "tmp": 0o1777, "var/lib/floe": 0o775, "var/tmp": 0o1777}
DEFAULT_FOLDER_MODE = 0o755


def compressor_version() -> str:
    """The version of the distribution ``zlib-ng``: it carries its C library inside."""
    return str(zlib_ng.__version__)


def tools() -> tuple[tuple[str, str], ...]:
    """What blob digests depend on, as the lock records it."""
    return (("packer", str(PACKER_VERSION)), ("zlib-ng", compressor_version()))


def folder_mode(path: str) -> int:
    """The mode of a folder that no package declares."""
    return FOLDER_MODES.get(path, DEFAULT_FOLDER_MODE)
