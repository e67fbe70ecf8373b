"""A fragment: one part as one gzip member of a tar, made once and kept under its key.

A fragment holds files and links only. Folders belong to the layer, where each occurs once, so the fragment notes which
folders it needs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from floe_images.engine.assemble import tar
from floe_images.engine.assemble.entry import Entries, Entry
from floe_images.engine.assemble.gzip import Member
from floe_images.engine.assemble.packer import GZIP_LEVEL, PACKER_VERSION, compressor_version
from floe_images.engine.store import Store
from floe_images.errors import CollisionError, HostileArchiveError

# Merged /usr: the base has these as links, so an entry below them would replace the link and break the image.
USR_LINKS = ("bin", "lib", "lib64", "sbin")


@dataclass(frozen=True, kw_only=True)
class Fragment:
    """``tar_size`` and ``size`` in bytes, before and after compression; both 0 for a part that only has folders.

    ``sha256`` is of the stored bytes. ``paths``: every file and link. ``folders``: (path, mode) as declared by the
    part; parents are not in it.
    """

    key: str
    size: int
    tar_size: int
    sha256: str
    paths: tuple[str, ...]
    folders: tuple[tuple[str, int], ...]


def fragment_key(part_key: str) -> str:
    """The key of a part's fragment, 64 hex digits: the part's key, the packer and the compressor."""
    text = f"fragment\n{part_key}\n{PACKER_VERSION}\n{GZIP_LEVEL}\n{compressor_version()}\n"
    return hashlib.sha256(text.encode()).hexdigest()


def find_fragment(key: str, store: Store) -> Fragment | None:
    """The fragment as the cache has it."""
    noted = store.recall(_memo(key))
    if not isinstance(noted, dict):
        return None
    fragment = _from_memo(key, noted)
    path = fragment_path(fragment, store) if fragment else None
    if fragment and path is not None and (not path.exists() or path.stat().st_size != fragment.size):
        return None
    return fragment


def make_fragment(
    key: str, entries: Entries, store: Store, *, where: str, tick: Callable[[int], None] = lambda _: None
) -> Fragment:
    """Pack ``entries`` into the cache; ``tick`` gets the bytes packed since the last call and may raise to stop.

    Raises CollisionError for a path that occurs twice or that is both a file and a folder, HostileArchiveError for a
    path that is not canonical or content of another size than announced, DiskError.
    """
    paths: dict[str, None] = {}
    folders: dict[str, int] = {}
    with store.writing("fragments", key) as stream:
        stored = hashlib.sha256()

        def put(data: bytes) -> None:
            stored.update(data)
            stream.write(data)

        member = Member(put)
        for entry, content in entries:
            check_path(entry, where)
            if entry.kind == "dir":
                if folders.setdefault(entry.path, entry.mode) != entry.mode:
                    raise CollisionError(f"the folder {entry.path} has two modes", where=where)
                continue
            if entry.path in paths:
                raise CollisionError(f"the path {entry.path} occurs twice", where=where)
            paths[entry.path] = None
            before = member.tar_size
            member.write(tar.header(entry))
            size = 0
            for chunk in content():
                size += len(chunk)
                member.write(chunk)
            if size != entry.size:
                raise HostileArchiveError(f"{entry.path} has {size} bytes instead of {entry.size}", where=where)
            member.write(tar.padding(size))
            tick(member.tar_size - before)
        member.close()
    fragment = Fragment(
        key=key,
        size=member.size if paths else 0,
        tar_size=member.tar_size,
        sha256=stored.hexdigest(),
        paths=tuple(paths),
        folders=tuple(sorted(folders.items())),
    )
    # Written last: a fragment without its note does not exist.
    store.note(_memo(key), _to_memo(fragment))
    return fragment


def fragment_path(fragment: Fragment, store: Store) -> Path | None:
    """Where the member lies; None for a fragment without one."""
    return store.path("fragments", fragment.key) if fragment.size else None


def check_path(entry: Entry, where: str) -> None:
    """Raise HostileArchiveError unless the path is canonical: relative, no ``.``/``..``, nothing below a /usr link."""
    parts = entry.path.split("/")
    if not all(parts) or "." in parts or ".." in parts or "\0" in entry.path or "\n" in entry.path:
        raise HostileArchiveError(f"the path {entry.path!r} is not canonical", where=where)
    if parts[0] in USR_LINKS and not (entry.kind == "symlink" and entry.link == f"usr/{entry.path}"):
        raise HostileArchiveError(f"the path {entry.path} lies in /{parts[0]}, which is a link to /usr", where=where)
    if entry.mode & ~0o1777:
        raise HostileArchiveError(f"{entry.path} has the mode {entry.mode:o}", where=where)


def _memo(key: str) -> str:
    return f"fragment-{key}"


def _to_memo(fragment: Fragment) -> dict[str, Any]:
    return {
        "size": fragment.size,
        "tar_size": fragment.tar_size,
        "sha256": fragment.sha256,
        "paths": list(fragment.paths),
        "folders": [list(folder) for folder in fragment.folders],
    }


def _from_memo(key: str, noted: dict[str, Any]) -> Fragment | None:
    try:
        return Fragment(
            key=key,
            size=int(noted["size"]),
            tar_size=int(noted["tar_size"]),
            sha256=str(noted["sha256"]),
            paths=tuple(noted["paths"]),
            folders=tuple((str(path), int(mode)) for path, mode in noted["folders"]),
        )
    except (KeyError, TypeError, ValueError):
        return None
