"""From how the outside is reached to where locked files may be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from floe_images.engine.fetch.fetch import Sources
from floe_images.engine.fetch.reach import Reach
from floe_images.engine.fetch.request import FileRequest
from floe_images.engine.fetch.simple import PythonIndex
from floe_images.engine.resolve.debian_locate import package_urls


def make_sources(reach: Reach, snapshot_time: int) -> Sources:
    """``snapshot_time`` is the lock's, in seconds since 1970: a snapshot archive is asked for that moment."""

    def debian(request: FileRequest) -> Sequence[str]:
        return package_urls(reach.debian, archive=request.archive, pool=request.pool, snapshot_time=snapshot_time)

    return Sources(http=reach.http, python=PythonIndex(reach.http, reach.index), debian=debian)


def folders_of(reach: Reach, given: Sequence[Path]) -> tuple[Path, ...]:
    """The folders that serve as well as an index: those given, then those that the configuration names."""
    return tuple(dict.fromkeys([*given, *(folder for folder in reach.index.folders if folder.is_dir())]))
