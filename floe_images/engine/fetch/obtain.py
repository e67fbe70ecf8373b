"""Locked files from the cache; what it has not, from the mirrors, which are not even looked for before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from floe_images.engine.fetch.needed import cached
from floe_images.engine.fetch.request import FileRequest
from floe_images.engine.store import Store
from floe_images.lock.model import Lock
from floe_images.progress import Progress

if TYPE_CHECKING:
    from floe_images.engine.fetch.reach import Reach


def fetch_files(
    requests: Sequence[FileRequest],
    lock: Lock,
    *,
    store: Store,
    reach: Callable[[], Reach],
    progress: Progress,
    frozen: bool,
    folders: Sequence[Path],
) -> Mapping[str, Path]:
    """sha256 → path in the cache. Raises NotCachedError with ``frozen``, else the leaves for mirrors and disks."""
    found = cached(requests, store)
    if len(found) == len({request.file.sha256 for request in requests}):
        return found
    from floe_images.engine.fetch.fetch import fetch
    from floe_images.engine.fetch.sources import folders_of, make_sources

    reached = reach()
    return fetch(
        requests,
        sources=make_sources(reached, lock.snapshot.time),
        store=store,
        progress=progress,
        frozen=frozen,
        folders=folders_of(reached, folders),
    )
