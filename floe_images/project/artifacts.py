"""A loaded floe.yaml and the lock beside it → the compiled artifacts, in ``.floe``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from floe_images.errors import DiskError, disk_error
from floe_images.image.place import ARTIFACTS, FLOE_FOLDER
from floe_images.lock.stale import check_fresh
from floe_images.project.lock import LOCK_FILE, load_lock
from floe_images.spec.load import Loaded


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """``path`` holds ``data``, canonical JSON; ``changed`` where it did not hold these bytes before."""

    path: Path
    data: bytes
    changed: bool


def compile_artifacts(loaded: Loaded) -> Compiled:
    """The artifacts of floe.yaml and the lock beside it, in ``.floe``; a file that holds them already is left alone.

    Raises LockMissingError, LockFormatError, LockStaleError, DiskError, DiskFullError.
    """
    from floe_images.render.artifacts import render_artifacts

    lock = load_lock(loaded.base / LOCK_FILE)
    check_fresh(lock, loaded.spec, LOCK_FILE)
    data = render_artifacts(loaded.spec, lock)
    path = loaded.base / ARTIFACTS
    return Compiled(path=path, data=data, changed=_write(path, data))


def _write(path: Path, data: bytes) -> bool:
    from floe_images.engine.write import write_whole

    try:
        path.parent.mkdir(exist_ok=True)
        if path.is_file() and path.read_bytes() == data:
            return False
    except FileExistsError:
        raise DiskError(
            f"is in the way: floe keeps a folder {FLOE_FOLDER} there", where=str(path.parent), hint="move it away"
        ) from None
    except OSError as error:
        raise disk_error(error, str(path)) from error
    write_whole(path, data)
    return True
