"""What an image holds as files of this machine: each fragment unpacked once, put together with hard links.

Files are the very ones of the image, bytecode included. They may not be written, since several trees share them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from floe_images.engine.assemble import tar
from floe_images.engine.assemble.fragment import Fragment, fragment_path
from floe_images.engine.assemble.gzip import DamagedError, read_member
from floe_images.engine.assemble.layer import DamagedFragmentError
from floe_images.engine.assemble.untar import Member, members
from floe_images.engine.store import Store
from floe_images.errors import CancelledError

_LAYOUT = 1  # changes with what is unpacked, and how


def unpack(fragment: Fragment, store: Store, *, stop: threading.Event | None = None) -> Path:
    """The folder with the fragment's files, as the cache has it or unpacked now.

    Raises DamagedFragmentError, CancelledError when ``stop`` is set, DiskError.
    """
    key = hashlib.sha256(f"unpacked {_LAYOUT} {fragment.key} {fragment.sha256}".encode()).hexdigest()
    found = store.find("trees", key)
    if found is not None:
        return found
    temporary = store.temporary("unpacked")
    try:
        unpack_to(temporary, fragment, store, stop=stop)
        return store.adopt("trees", key, temporary)
    except OSError as error:
        raise store.failure(error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def unpack_to(root: Path, fragment: Fragment, store: Store, *, stop: threading.Event | None = None) -> None:
    """The fragment's files below ``root``, which may be there already. Raises as ``unpack`` does, and OSError."""
    root.mkdir(parents=True, exist_ok=True)
    path = fragment_path(fragment, store)
    if path is None:
        return
    stream = _Plain(path, stop)
    try:
        for member, content in members(stream, fragment.key):
            _write(root, member, content())
        stream.finish()
    except (DamagedError, FileNotFoundError) as error:
        raise DamagedFragmentError(fragment.key) from error
    if stream.sha256.hexdigest() != fragment.sha256:
        raise DamagedFragmentError(fragment.key)


def put_together(folders: Sequence[Path], store: Store) -> Path:
    """One tree with the files of all ``folders``, which lie in the cache under keys of their own; remembered under
    those. Raises DiskError."""
    key = hashlib.sha256("\n".join([f"tree {_LAYOUT}", *(folder.name for folder in folders)]).encode()).hexdigest()
    found = store.find("trees", key)
    if found is not None:
        return found
    temporary = store.temporary("tree")
    try:
        temporary.mkdir()
        for folder in folders:
            _link(folder, temporary)
        return store.adopt("trees", key, temporary)
    except OSError as error:
        raise store.failure(error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(root: Path, member: Member, content: Iterable[bytes]) -> None:
    target = root / member.name
    try:
        _create(target, member, content, root)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        _create(target, member, content, root)


def _create(target: Path, member: Member, content: Iterable[bytes], root: Path) -> None:
    if member.kind == "file":
        mode = 0o555 if member.mode & 0o100 else 0o444
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
            for chunk in content:
                stream.write(chunk)
    elif member.kind == "hardlink":
        os.link(root / member.link, target)
    elif not member.link.startswith("/"):  # an absolute one would leave the tree
        target.symlink_to(member.link)


def _link(source: Path, target: Path) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            path, other = source / entry.name, target / entry.name
            if entry.is_dir(follow_symlinks=False):
                other.mkdir(exist_ok=True)
                _link(path, other)
            elif entry.is_symlink():
                other.symlink_to(path.readlink())
            else:
                try:
                    os.link(path, other)
                except FileExistsError:  # two packages bring it, which the image's layers would have shown
                    raise
                except OSError:  # a disk without hard links, or too many of them
                    shutil.copy2(path, other)


class _Plain:
    """What a member's stored bytes decode to, as a stream; they are hashed on the way."""

    def __init__(self, path: Path, stop: threading.Event | None) -> None:
        self.sha256 = hashlib.sha256()
        self._stop = stop
        self._blocks = self._decoded(path)
        self._block, self._at = b"", 0

    def read(self, size: int, /) -> bytes:
        while self._at == len(self._block):
            block = next(self._blocks, None)
            if block is None:
                return b""
            self._block, self._at = block, 0
        start = self._at
        self._at = min(start + size, len(self._block))
        return self._block[start : self._at]

    def finish(self) -> None:
        """Read to the end: what follows the last file is hashed, too."""
        for _ in self._blocks:
            pass

    def _decoded(self, path: Path) -> Iterator[bytes]:
        for stored, plain in read_member(path):
            if self._stop is not None and self._stop.is_set():
                raise CancelledError("stopped")
            self.sha256.update(stored)
            yield plain
        yield tar.END  # which the layer has, and its fragments have not
