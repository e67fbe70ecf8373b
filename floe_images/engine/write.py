"""One small file, written whole or not at all: a temporary name beside it, flushed to the disk, renamed."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path

from floe_images.engine.store import disk_error

_ABANDONED_SECONDS = 60


def write_whole(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Raises DiskError or DiskFullError; ``path`` then is what it was before. What a killed run left is removed.

    ``mode`` is the file's permissions; None leaves them to the umask.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        for left in path.parent.glob(f".{path.name}.*.tmp"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                    left.unlink()
        with open(temporary, "xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if mode is not None:
            temporary.chmod(mode)
        os.replace(temporary, path)
    except OSError as error:
        raise disk_error(error, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)
