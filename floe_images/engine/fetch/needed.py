"""What a build needs, and what of that the cache has: all that a build asks where nothing is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from floe_images.engine.fetch.request import FileRequest
from floe_images.engine.store import Store
from floe_images.image.platform import Platform
from floe_images.lock.model import Lock


def requests_for(
    lock: Lock, platforms: Sequence[Platform], *, interpreter: Platform | None = None
) -> tuple[FileRequest, ...]:
    """Every file that images of ``platforms`` need, and the Debian packages of the platform whose interpreter makes
    the bytecode; each file once, sorted by name."""
    requests: dict[str, FileRequest] = {}
    for platform in {*platforms, *((interpreter,) if interpreter else ())}:
        for deb in lock.debs(platform):
            requests[deb.file.sha256] = FileRequest(file=deb.file, archive=deb.archive, pool=deb.pool)
    for wheel in lock.wheels:
        for platform in platforms:
            file = wheel.file_for(platform)
            if file:
                requests[file.sha256] = FileRequest(file=file, project=wheel.name)
    for data in lock.data:
        requests[data.file.sha256] = FileRequest(file=data.file, project=data.package)
    return tuple(sorted(requests.values(), key=lambda request: request.file.name))


def cached(requests: Iterable[FileRequest], store: Store) -> dict[str, Path]:
    """sha256 → path, for those requests that the cache can serve."""
    found = ((request.file.sha256, cached_file(store, request)) for request in requests)
    return {sha256: path for sha256, path in found if path}


def cached_file(store: Store, request: FileRequest) -> Path | None:
    path = store.find("downloads", request.file.sha256)
    # Its bytes are hashed when something is made from it; the size tells what a dying disk cut short.
    return path if path and path.stat().st_size == request.file.size else None
