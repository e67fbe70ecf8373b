"""The lock's Python part with the URLs of the index in use: what `floe lock --export pylock` writes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from floe_images.engine.fetch.http import split_credential
from floe_images.engine.fetch.reach import Reach
from floe_images.engine.fetch.simple import PythonIndex, folder_files
from floe_images.errors import PackageGoneError
from floe_images.lock.model import Lock, LockedFile, LockedWheel
from floe_images.lock.pylock import write_pylock
from floe_images.progress import Progress

_PARALLEL = 8


def export_pylock(lock: Lock, *, reach: Reach, progress: Progress, folders: Sequence[Path] = ()) -> bytes:
    """PEP 751 TOML. Raises PackageGoneError for a file that neither the index nor a folder has, and the leaves for
    mirrors."""
    index = PythonIndex(reach.http, reach.index)
    progress.note("looking up where the index has the locked files")
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="export") as pool:
        list(pool.map(index.files, [wheel.name for wheel in lock.wheels]))

    def url_of(wheel: LockedWheel, file: LockedFile) -> str:
        for found in index.find(wheel.name, file.name, file.sha256):
            return split_credential(found.url)[0]
        for found in folder_files(wheel.name, folders):
            if found.name == file.name and found.size == file.size:
                return found.url
        hint = f"run `floe lock --upgrade {wheel.name}`"
        raise PackageGoneError(
            f"the package index does not carry {file.name} with the locked hash", where=wheel.name, hint=hint
        )

    return write_pylock(lock, url_of)
