"""The files of an Iceberg table: those that lie at its location, and those that its metadata refers to.

https://iceberg.apache.org/spec/#overview
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pyiceberg.table import Table

# What Iceberg's writers leave; a store or a catalog may keep files of its own beside them.
_ICEBERGS = re.compile(r".*\.(?:parquet|orc|avro|puffin|stats|metadata\.json|metadata\.json\.gz)")


@dataclass(frozen=True, kw_only=True, order=True)
class StoredFile:
    """``location`` as the table's own begins; ``size`` in bytes."""

    location: str
    size: int
    modified: datetime


def stored(table: Table) -> Iterator[StoredFile]:
    """Every file of Iceberg's kinds below the table's location whose age the store tells."""
    from pyiceberg.io.pyarrow import PyArrowFileIO

    location = table.location().rstrip("/")
    listed = _by_arrow if isinstance(table.io, PyArrowFileIO) else _by_fsspec
    for name, size, modified in listed(table.io, location):
        if isinstance(modified, datetime) and _ICEBERGS.fullmatch(name):
            yield StoredFile(location=f"{location}/{name}", size=size, modified=modified)


def _by_arrow(io: Any, location: str) -> Iterator[tuple[str, int, object]]:
    """(name below the location, bytes, time)."""
    from pyarrow.fs import FileSelector, FileType

    scheme, host, path = io.parse_location(location, io.properties)
    for found in io.fs_by_scheme(scheme, host).get_file_info(FileSelector(path, recursive=True, allow_not_found=True)):
        if found.type == FileType.File:
            yield _below(path, found.path), found.size, found.mtime


def _by_fsspec(io: Any, location: str) -> Iterator[tuple[str, int, object]]:
    """The same of Google's and Microsoft's stores, whose libraries name the time differently."""
    system = io.get_fs(urlsplit(location).scheme)
    path = system._strip_protocol(location)
    system.invalidate_cache()
    for name, found in system.find(path, detail=True).items():
        yield _below(path, name), found["size"], found.get("mtime") or found.get("last_modified")


def _below(folder: str, path: str) -> str:
    return path.strip("/").removeprefix(folder.strip("/") + "/")


def referred(table: Table, *, without: Iterable[int] = ()) -> set[str]:
    """`place` of every file that the metadata refers to; ``without`` these snapshots.

    An error is raised, and nothing returned, where a manifest cannot be read.
    """
    metadata = table.metadata
    gone = set(without)
    found = {place(table.metadata_location), *(place(entry.metadata_file) for entry in metadata.metadata_log)}
    found |= {place(each.statistics_path) for each in (*metadata.statistics, *metadata.partition_statistics)}
    read: set[str] = set()
    for snapshot in metadata.snapshots:
        if snapshot.snapshot_id in gone:
            continue
        found.add(place(snapshot.manifest_list))
        for manifest in snapshot.manifests(table.io):
            found.add(place(manifest.manifest_path))
            if manifest.manifest_path not in read:
                read.add(manifest.manifest_path)
                entries = manifest.fetch_manifest_entry(table.io, discard_deleted=False)
                found |= {place(entry.data_file.file_path) for entry in entries}
    return found


def place(location: str) -> str:
    """A location without what two writers may spell in two ways: the scheme, and how often a slash is doubled."""
    parts = urlsplit(location)
    return re.sub("/+", "/", f"/{parts.netloc}/{parts.path}")
