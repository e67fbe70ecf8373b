"""The program uv, and the oldest C library that locked wheels may ask for."""

from __future__ import annotations

import os
import shutil

from floe_images.errors import ResolveError

GLIBC = (2, 28)  # manylinux_2_28: what the data stack's wheels ask for; bookworm has 2.36


def uv_binary() -> str:
    """The uv of the distribution ``uv``, else the one on PATH. ResolveError where there is none."""
    try:
        import uv

        return os.fsdecode(uv.find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
        if found is None:
            raise ResolveError("uv is not there", hint="install it into the same environment: pip install uv") from None
        return found
