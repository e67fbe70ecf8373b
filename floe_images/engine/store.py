"""The cache folder: content under its key, written to a temporary name and renamed, so a kill leaves old or new.

Layout: ``downloads/<sha256>`` (files by their own hash), ``fragments/<key>`` (one compressed part of a layer),
``blobs/<sha256>`` (finished layers), ``memo/<key>.json`` (what was found out once), ``trees/<key>/`` (unpacked
interpreters), ``tmp/`` (what a killed run left; removed by `floe cache prune` and when older than a day).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from floe_images.errors import disk_error as disk_error

KINDS = ("downloads", "fragments", "blobs", "memo", "trees")
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
            raise disk_error(error, str(self.root)) from error
        finally:
            temporary.unlink(missing_ok=True)

    def temporary(self, label: str) -> Path:
        """An unused name below ``tmp/``, on the same file system as the rest."""
        folder = self.root / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{label}.{os.getpid()}.{secrets.token_hex(4)}"

    def adopt(self, kind: str, key: str, temporary: Path) -> Path:
        """Rename a finished temporary file or folder to its key; where the key is there already, that one stays."""
        target = self.path(kind, key)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.replace(temporary, target)
        except OSError:
            if not target.exists():
                raise
            shutil.rmtree(temporary, ignore_errors=True)
        return target

    def recall(self, key: str) -> Any | None:
        """A JSON value noted under ``key``; None where there is none or it cannot be read."""
        try:
            return json.loads(self.path("memo", f"{key}.json").read_bytes())
        except (OSError, ValueError):
            return None

    def note(self, key: str, value: Any) -> None:
        with self.writing("memo", f"{key}.json") as stream:
            stream.write(json.dumps(value, sort_keys=True).encode())

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Kind → (files, bytes)."""
        return {kind: _measure(self.root / kind) for kind in (*KINDS, "tmp")}

    def prune(self, *, keep_days: float | None = None) -> int:
        """Remove what was not used for ``keep_days`` days (None: everything); bytes freed."""
        freed = 0
        oldest = None if keep_days is None else time.time() - keep_days * 86400
        for kind in (*KINDS, "tmp"):
            folder = self.root / kind
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                limit = time.time() - _STALE_TEMPORARY_SECONDS if kind == "tmp" and oldest is not None else oldest
                if limit is None or max(path.lstat().st_mtime, path.lstat().st_atime) < limit:
                    freed += _measure(path)[1]
                    _remove(path)
        return freed


def _measure(path: Path) -> tuple[int, int]:
    if not path.is_dir():
        return (1, path.lstat().st_size) if path.exists() else (0, 0)
    files = [entry for entry in path.rglob("*") if entry.is_file() and not entry.is_symlink()]
    return len(files), sum(entry.lstat().st_size for entry in files)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def default_store() -> Store:
    """The user's cache: ``FLOE_CACHE_DIR``, else the platform's cache folder for ``floe``."""
    override = os.environ.get("FLOE_CACHE_DIR")
    if override:
        return Store(Path(override).expanduser().absolute())
    from platformdirs import user_cache_path

    return Store(user_cache_path("floe", appauthor=False))
