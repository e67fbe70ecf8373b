"""Downloads that a later run continues: a file in the cache's ``tmp/`` under the hash that it will have."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from floe_images.engine.store import PARTIAL, Store
from floe_images.engine.verified import remember

_ABANDONED_SECONDS = 15  # a partial file that nobody wrote to for so long belongs to a run that was killed


def adopted(store: Store, sha256: str, hashed: Path) -> Path:
    """A file that was hashed as it was written, under its hash among the downloads."""
    path = store.adopt("downloads", sha256, hashed)
    remember(path, sha256)
    return path


@contextlib.contextmanager
def partial_file(store: Store, sha256: str) -> Iterator[Path]:
    """A file of our own to write to, with what an earlier run has left of the same download.

    While it is ours its name says so. When the block fails it gets back a name that the next run looks for; after a
    kill the name stays, and the file counts as abandoned after a while.
    """
    own = store.temporary(f"{PARTIAL}{sha256}")
    kept = own.with_name(f"{PARTIAL}{sha256}.kept")
    abandoned = [path for path in own.parent.glob(f"{PARTIAL}{sha256}.*.*") if _age(path) > _ABANDONED_SECONDS]
    for path in (kept, *abandoned):
        with contextlib.suppress(OSError):  # somebody else was quicker
            path.rename(own)
            break
    try:
        yield own
    finally:
        with contextlib.suppress(OSError):  # after success it is not there any more
            if own.stat().st_size:
                os.replace(own, kept)
            else:
                own.unlink()


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0
