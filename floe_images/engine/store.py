"""The cache folder: content under its key, written to a temporary name and renamed, so a kill leaves old or new.

Layout: ``downloads/<sha256>`` (files by their own hash), ``fragments/<key>`` (one compressed part of a layer),
``blobs/<sha256>`` (finished layers), ``memo/<key>.json`` (what was found out once), ``trees/<key>/`` (unpacked
interpreters and packages, and what was put together of them with hard links), ``uv/`` (uv's own cache, where it cannot
have its usual place), ``tmp/`` (what runs are writing, what killed runs left, and ``in-use.<pid>.…`` for each that
works with the cache; `floe cache prune` removes what nobody writes any more, and so does the next run with what is a
day old).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from floe_images.engine.processes import alive
from floe_images.errors import DiskError, DiskFullError, FloeError, UsageError
from floe_images.errors import disk_error as disk_error

KINDS = ("downloads", "fragments", "blobs", "memo", "trees", "environments", "uv")
PARTIAL = "partial-"  # labels of downloads that a later run continues
_IN_USE = "in-use"
_STALE_TEMPORARY_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Store:
    root: Path

    def path(self, kind: str, key: str) -> Path:
        """Where ``key`` lies or would lie."""
        return self.root / kind / key

    def find(self, kind: str, key: str) -> Path | None:
        path = self.path(kind, key)
        return path if path.exists() else None

    @contextlib.contextmanager
    def writing(self, kind: str, key: str) -> Iterator[BinaryIO]:
        """A new file that appears under ``key`` only when the block ends without an exception."""
        temporary = self.temporary(f"{kind}-{key[:16]}")
        try:
            with open(temporary, "wb") as stream:
                yield stream
            self.adopt(kind, key, temporary)
        except OSError as error:
            raise self.failure(error) from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """While the block runs nobody prunes the cache; what goes wrong with a file of the cache is a DiskError."""
        self._sweep()
        marker = None
        # A cache that may only be read serves as long as nothing is missing, and nobody prunes it.
        with contextlib.suppress(OSError, DiskError, DiskFullError):
            marker = self.temporary(_IN_USE)
            marker.touch()
        try:
            yield
        except OSError as error:
            if error.filename is None or not _below(error.filename, self.root):
                raise
            raise self.failure(error) from error
        finally:
            if marker is not None:
                with contextlib.suppress(OSError):
                    marker.unlink()

    def _sweep(self) -> None:
        """Remove what killed runs left in ``tmp/``: their markers, and what they wrote a day ago or earlier, since only
        on one machine does a number tell whether the writer lives. Parts of downloads stay, to be continued."""
        oldest = time.time() - _STALE_TEMPORARY_SECONDS
        with contextlib.suppress(OSError):
            for path in (self.root / "tmp").iterdir():
                marker = path.name.startswith(f"{_IN_USE}.")
                if path.name.startswith(PARTIAL) or alive(_writer_of(path)):
                    continue
                with contextlib.suppress(OSError):
                    if marker or path.lstat().st_mtime < oldest:
                        _remove(path)

    def failure(self, error: OSError) -> FloeError:
        """The tree's error for an ``OSError`` of a file of the cache."""
        found = disk_error(error, str(error.filename or self.root))
        if isinstance(found, DiskError):
            gone = isinstance(error, FileNotFoundError)
            what = "was removed from the cache while it was needed" if gone else f"the cache fails: {found.message}"
            hint = "run it again; if it stays, let FLOE_CACHE_DIR name another folder for the cache"
            return DiskError(what, where=found.where, hint=hint)
        return found

    def temporary(self, label: str) -> Path:
        """An unused name below ``tmp/``, on the same file system as the rest. Raises DiskError, DiskFullError."""
        folder = self.root / "tmp"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK):
                raise PermissionError(errno.EACCES, "no permission to write")
        except OSError as error:
            found = disk_error(error, str(folder))
            if not isinstance(found, DiskError):
                raise found from error
            hint = "let FLOE_CACHE_DIR name a folder that may be written"
            raise DiskError(f"the cache cannot be written: {found.message}", where=str(folder), hint=hint) from error
        return folder / f"{label}.{os.getpid()}.{secrets.token_hex(4)}"

    @contextlib.contextmanager
    def folder(self, label: str) -> Iterator[Path]:
        """A folder below ``tmp/`` that only this user may look into; gone with the block."""
        path = self.temporary(label)
        path.mkdir(mode=0o700)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def adopt(self, kind: str, key: str, temporary: Path) -> Path:
        """Rename a finished temporary file or folder to its key; where the key is there already, that one stays.

        Raises DiskError, DiskFullError.
        """
        target = self.path(kind, key)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(temporary, target)
        except OSError as error:
            if not os.path.exists(target):  # noqa: PTH110  Path.exists raises where it may not look
                raise self.failure(error) from error
            shutil.rmtree(temporary, ignore_errors=True)
        return target

    def recall(self, key: str) -> Any | None:
        """A JSON value noted under ``key``; None where there is none or it is not what was noted."""
        try:
            noted = json.loads(self.path("memo", f"{key}.json").read_bytes())
            return noted["value"] if noted["sha256"] == _checksum(key, noted["value"]) else None
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def note(self, key: str, value: Any) -> None:
        with self.writing("memo", f"{key}.json") as stream:
            stream.write(json.dumps({"sha256": _checksum(key, value), "value": value}, sort_keys=True).encode())

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Kind → (files, bytes)."""
        return {kind: _measure(self.root / kind) for kind in (*KINDS, "tmp")}

    def prune(self, *, keep_days: float | None = None) -> int:
        """Remove what was not used for ``keep_days`` days (None: everything); bytes freed.

        Raises UsageError while another process works with the cache.
        """
        self._refuse_in_use()
        freed = 0
        oldest = None if keep_days is None else time.time() - keep_days * 86400
        for kind in (*KINDS, "tmp"):
            folder = self.root / kind
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                limit = time.time() - _STALE_TEMPORARY_SECONDS if kind == "tmp" and oldest is not None else oldest
                if kind == "tmp" and alive(_writer_of(path)):
                    continue
                with contextlib.suppress(FileNotFoundError):
                    if limit is None or max(path.lstat().st_mtime, path.lstat().st_atime) < limit:
                        freed += _measure(path)[1]
                        _remove(path)
        return freed

    def _refuse_in_use(self) -> None:
        for marker in sorted((self.root / "tmp").glob(f"{_IN_USE}.*")):
            pid = _writer_of(marker)
            if alive(pid):
                hint = f"wait until it is through; if process {pid} is not a floe, remove {marker}"
                raise UsageError(f"process {pid} is working with the cache", where=str(self.root), hint=hint)


def _writer_of(temporary: Path) -> int:
    """The number of the process that ``Store.temporary`` made this name for; 0 where the name is of another kind."""
    parts = temporary.name.split(".")
    return int(parts[-2]) if len(parts) > 2 and parts[-2].isdecimal() else 0


def _below(filename: object, root: Path) -> bool:
    return isinstance(filename, str | bytes | os.PathLike) and Path(os.fsdecode(filename)).is_relative_to(root)


def _checksum(key: str, value: Any) -> str:
    return hashlib.sha256(json.dumps([key, value], sort_keys=True).encode()).hexdigest()


def _measure(path: Path) -> tuple[int, int]:
    if not path.is_dir():
        return (1, path.lstat().st_size) if path.exists() else (0, 0)
    sizes = []
    for entry in path.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a run that works removes what it has written
            if entry.is_file() and not entry.is_symlink():
                sizes.append(entry.lstat().st_size)
    return len(sizes), sum(sizes)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def default_store() -> Store:
    """The user's cache: ``FLOE_CACHE_DIR``, else the platform's cache folder for ``floe``."""
    override = os.environ.get("FLOE_CACHE_DIR")
    if override:
        try:
            root = Path(override).expanduser().absolute()
            there = os.path.lexists(root) and not root.is_dir()
        except (RuntimeError, ValueError, OSError):
            there = True
        if there:
            raise UsageError("FLOE_CACHE_DIR does not name a folder", hint="give a path of this machine")
        return Store(root)
    from platformdirs import user_cache_path

    return Store(user_cache_path("floe", appauthor=False))
