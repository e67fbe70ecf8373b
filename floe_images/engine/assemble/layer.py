"""A layer: a gzip member with the folders, the fragments as they lie in the cache, a member that ends the archive.

Members concatenate to one gzip stream (RFC 1952, 2.2), so a layer is bytes glued together. Writing one is a single
pass: the stored bytes are hashed for the digest, what they decode to for the diffID.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from typing import BinaryIO

from floe_images.engine.assemble import tar
from floe_images.engine.assemble.entry import Entry
from floe_images.engine.assemble.fragment import USR_LINKS, Fragment, fragment_path
from floe_images.engine.assemble.gzip import DamagedError, member, read_member
from floe_images.engine.assemble.packer import (
    DEFAULT_FOLDER_MODE,
    FOLDER_MODES,
    GZIP_LEVEL,
    PACKER_VERSION,
    compressor_version,
    folder_mode,
)
from floe_images.engine.store import Store
from floe_images.errors import CancelledError, CollisionError
from floe_images.image.layer import LayerBlob


class DamagedFragmentError(Exception):
    """The cached fragment ``key`` is not what was made; it has to be made again."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def layer_key(fragment_keys: Sequence[str], *, base: bool) -> str:
    """The key of a layer's memo, 64 hex digits: the keys of its fragments in order, the packer and the compressor."""
    head = f"layer {PACKER_VERSION} {GZIP_LEVEL} {compressor_version()} {base} {sorted(FOLDER_MODES.items())}"
    return hashlib.sha256("\n".join([head, *fragment_keys]).encode()).hexdigest()


def find_layer(key: str, name: str, store: Store) -> LayerBlob | None:
    """The layer as the cache has it."""
    noted = store.recall(f"layer-{key}")
    if not isinstance(noted, dict):
        return None
    try:
        blob = LayerBlob(
            name=name,
            digest=str(noted["digest"]),
            diff_id=str(noted["diff_id"]),
            size=int(noted["size"]),
            tar_size=int(noted["tar_size"]),
            rebuilt=False,
        )
    except (KeyError, TypeError, ValueError):
        return None
    path = store.find("blobs", blob.digest.removeprefix("sha256:"))
    return blob if path is not None and path.stat().st_size == blob.size else None


def write_layer(
    key: str, name: str, fragments: Sequence[Fragment], store: Store, *, base: bool, stop: threading.Event | None = None
) -> LayerBlob:
    """Glue ``fragments`` into a blob of the cache. ``base``: the lowest layer, the only one with the /usr links.

    Raises CollisionError for a path that two fragments bring, DamagedFragmentError, DiskError, CancelledError when
    ``stop`` is set.
    """
    folders = layer_folders(name, fragments, base=base)
    head = member(tar.header(Entry(path=path, kind="dir", mode=mode)) for path, mode in folders)
    temporary = store.temporary(f"layer-{name}")
    try:
        with open(temporary, "wb") as stream:
            writer = _Writer(stream)
            writer.put(head, b"".join(tar.header(Entry(path=path, kind="dir", mode=mode)) for path, mode in folders))
            for fragment in fragments:
                path = fragment_path(fragment, store)
                if path is None:
                    continue
                digest = hashlib.sha256()
                try:
                    for stored, plain in read_member(path):
                        if stop is not None and stop.is_set():
                            raise CancelledError("stopped")
                        digest.update(stored)
                        writer.put(stored, plain)
                    if digest.hexdigest() != fragment.sha256:
                        raise DamagedError("other bytes than were made")
                except (DamagedError, FileNotFoundError) as error:
                    raise DamagedFragmentError(fragment.key) from error
            writer.put(member([tar.END]), tar.END)
        blob = LayerBlob(
            name=name,
            digest=f"sha256:{writer.stored.hexdigest()}",
            diff_id=f"sha256:{writer.plain.hexdigest()}",
            size=writer.size,
            tar_size=writer.tar_size,
            rebuilt=True,
        )
        store.adopt("blobs", blob.digest.removeprefix("sha256:"), temporary)
    except OSError as error:
        raise store.failure(error) from error
    finally:
        temporary.unlink(missing_ok=True)
    noted = {"digest": blob.digest, "diff_id": blob.diff_id, "size": blob.size, "tar_size": blob.tar_size}
    store.note(f"layer-{key}", noted)
    return blob


def layer_folders(name: str, fragments: Sequence[Fragment], *, base: bool) -> tuple[tuple[str, int], ...]:
    """Every folder of the layer with its mode, parents first. Raises CollisionError, see ``write_layer``."""
    owners: set[str] = set()
    declared: dict[str, int] = {}
    for fragment in fragments:
        for path in fragment.paths:
            if path in owners:
                raise CollisionError(f"two packages bring the path {path}", where=f"layer {name}")
            owners.add(path)
        for path, mode in fragment.folders:
            fixed = FOLDER_MODES.get(path, mode)
            before = declared.setdefault(path, fixed)
            # Of two packages that share a folder, the one that says more than the default means it.
            if before == DEFAULT_FOLDER_MODE:
                declared[path] = fixed
            elif fixed not in (before, DEFAULT_FOLDER_MODE):
                raise CollisionError(f"two packages give the folder {path} two modes", where=f"layer {name}")
    needed = dict(declared)
    for path in [*owners, *declared]:
        while (path := path.rpartition("/")[0]) and path not in needed:
            needed[path] = folder_mode(path)
    both = sorted(owners & needed.keys())
    if both:
        raise CollisionError(f"the path {both[0]} is a file and a folder", where=f"layer {name}")
    if not base and (links := sorted(owners.intersection(USR_LINKS))):
        raise CollisionError(f"the link /{links[0]} belongs to the base", where=f"layer {name}")
    return tuple(sorted(needed.items(), key=lambda item: item[0].split("/")))


class _Writer:
    """Writes stored bytes and hashes both them and what they decode to."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.stored = hashlib.sha256()
        self.plain = hashlib.sha256()
        self.size = 0
        self.tar_size = 0

    def put(self, stored: bytes, plain: bytes) -> None:
        self._stream.write(stored)
        self.stored.update(stored)
        self.plain.update(plain)
        self.size += len(stored)
        self.tar_size += len(plain)
