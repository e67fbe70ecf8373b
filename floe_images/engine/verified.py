"""A downloaded file of the cache, hashed when something is really made from it, and once in a process."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from floe_images.engine.store import disk_error
from floe_images.errors import DiskError, WrongHashError

_CHUNK = 1 << 20
_NAMED = 20  # of the damaged files
# Path → sha256, inode, modification time and size of the file that was hashed.
_verified: dict[Path, tuple[str, int, int, int]] = {}

_AGAIN = "run it again, and not with --frozen, which fetches nothing"


class DamagedDownloadError(WrongHashError):
    """``name`` is the file's; it is gone from the cache."""

    def __init__(self, name: str) -> None:
        super().__init__("damaged in the cache; it was removed", where=name, hint=_AGAIN)
        self.name = name


def verified(path: Path, sha256: str, where: str) -> Path:
    """``path``, whose bytes have this hash. ``where`` is the file's name in messages.

    A file that was hashed when it was downloaded may have rotted, or been changed, since. Raises DamagedDownloadError,
    and then it is gone, so that the next run gets it anew; DiskError.
    """
    digest = hashlib.sha256()
    try:
        if _verified.get(path) == _state(path, sha256):
            return path
        with open(path, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise disk_error(error, str(path)) from error
    if digest.hexdigest() != sha256:
        with contextlib.suppress(OSError):
            path.unlink()
        raise DamagedDownloadError(where)
    remember(path, sha256)
    return path


@contextlib.contextmanager
def naming_all(files: Iterable[tuple[Path, str, str]]) -> Iterator[None]:
    """Where a damaged file ends the block, every one of ``files`` (path, sha256, name) is hashed, and one error names
    all that are damaged: nobody runs it once for each."""
    try:
        yield
    except DamagedDownloadError as first:
        names = {first.name}
        for path, sha256, name in files:
            # What is gone by now was found damaged by another job.
            with contextlib.suppress(DamagedDownloadError, DiskError):
                verified(path, sha256, name)
            if not path.exists():
                names.add(name)
        if len(names) == 1:
            raise
        told = ", ".join(sorted(names)[:_NAMED])
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        raise WrongHashError(
            f"{len(names)} files were damaged in the cache; they were removed: {told}{more}",
            hint=f"{_AGAIN}; if there is damage again, let FLOE_CACHE_DIR name a folder on another disk",
        ) from None


def remember(path: Path, sha256: str) -> None:
    """``path`` was hashed by this process as it was written."""
    with contextlib.suppress(OSError):
        _verified[path] = _state(path, sha256)


def _state(path: Path, sha256: str) -> tuple[str, int, int, int]:
    found = path.stat()
    return sha256, found.st_ino, found.st_mtime_ns, found.st_size
