"""What goes into a layer: one value a path, whatever package it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Entry:
    """``path`` is canonical: relative, POSIX, merged-/usr (``usr/lib/…`` never ``lib/…``), no ``.`` or ``..``.

    Owner is always 0:0 and the time always the packer's constant, so neither is here. ``mode`` has the permission bits
    only; set-uid and set-gid never occur. ``size`` is of the content in bytes, 0 for anything but a file.
    """

    path: str
    kind: Literal["file", "dir", "symlink", "hardlink"]
    mode: int
    size: int = 0
    link: str = ""  # symlink: target as written; hardlink: canonical path


# Content is asked for at most once, in order, while the entry is current; it yields exactly `size` bytes.
Content = Callable[[], Iterable[bytes]]
Entries = Iterator[tuple[Entry, Content]]


def no_content() -> Iterable[bytes]:
    """The content of a folder or a link."""
    return ()
