"""From how the outside is reached to where locked files may be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from floe_images.engine.fetch.fetch import Sources
from floe_images.engine.fetch.reach import Reach
from floe_images.engine.fetch.request import FileRequest
from floe_images.engine.fetch.simple import PythonIndex
from floe_images.engine.resolve.debian_locate import package_urls
from floe_images.image.platform import Platform
from floe_images.lock.model import Lock


def make_sources(reach: Reach, snapshot_time: int) -> Sources:
    """``snapshot_time`` is the lock's, in seconds since 1970: a snapshot archive is asked for that moment."""

    def debian(request: FileRequest) -> Sequence[str]:
        return package_urls(reach.debian, archive=request.archive, pool=request.pool, snapshot_time=snapshot_time)

    return Sources(http=reach.http, python=PythonIndex(reach.http, reach.index), debian=debian)


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


def folders_of(reach: Reach, given: Sequence[Path]) -> tuple[Path, ...]:
    """The folders that serve as well as an index: those given, then those that the configuration names."""
    return tuple(dict.fromkeys([*given, *(folder for folder in reach.index.folders if folder.is_dir())]))
