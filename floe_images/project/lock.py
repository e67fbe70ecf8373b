"""floe.lock beside floe.yaml: read, made anew, kept fresh, written."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from floe_images.errors import DiskError, LockMissingError, UsageError
from floe_images.lock.codec import read_lock, write_lock
from floe_images.lock.model import Lock, LockedImage
from floe_images.lock.stale import check_fresh, inputs_digest
from floe_images.progress import SILENT, Progress
from floe_images.spec.load import Loaded

if TYPE_CHECKING:
    from floe_images.engine.fetch.reach import Reach

LOCK_FILE = "floe.lock"
EVERYTHING = "*"


def load_lock(path: Path) -> Lock:
    """Raises LockMissingError, LockFormatError, DiskError."""
    from floe_images.engine.store import disk_error

    try:
        # Before it is opened: opening a pipe waits for somebody who writes.
        if not stat.S_ISREG(path.stat().st_mode):
            raise DiskError("is not a file", where=str(path), hint="move it away, and run `floe lock`")
        return read_lock(path.read_bytes(), path.name)
    except FileNotFoundError:
        raise LockMissingError(f"there is no {path.name}", hint="run `floe lock` to make it") from None
    except OSError as error:
        raise disk_error(error, str(path)) from error


def resolve_lock(
    loaded: Loaded,
    *,
    progress: Progress = SILENT,
    previous: Lock | None = None,
    upgrade: Sequence[str] = (),
    folders: Sequence[Path] = (),
) -> Lock:
    """The lock that belongs to floe.yaml now; nobody is asked where the one that is there does and nothing is to be
    upgraded. ``upgrade`` holds names, or ``*`` for everything; ``folders`` serve as well as an index.

    Raises ResolveError, UsageError, and the leaves for mirrors and disks.
    """
    from floe_images.engine.assemble.packer import tools
    from floe_images.engine.resolve.lock import resolve
    from floe_images.engine.resolve.uv import Upgrade
    from floe_images.engine.store import default_store

    if previous and not upgrade and previous.inputs == inputs_digest(loaded.spec):
        return replace(previous, tools=tools())
    names = _names(upgrade, previous)
    reach = reach_for(loaded, progress)
    store = default_store()
    with store.in_use():
        return resolve(
            loaded.spec,
            reach=reach,
            store=store,
            progress=progress,
            previous=previous,
            upgrade=Upgrade(everything=EVERYTHING in upgrade, names=names),
            folders=folders,
        )


def fresh_lock(
    loaded: Loaded, *, progress: Progress = SILENT, locked: bool = False, folders: Sequence[Path] = ()
) -> Lock:
    """The lock that belongs to floe.yaml; made and written now where there is none and ``locked`` does not forbid it.

    Raises LockMissingError, LockStaleError, LockFormatError, and what `resolve_lock` raises.
    """
    path = loaded.base / LOCK_FILE
    try:
        lock = load_lock(path)
    except LockMissingError:
        if locked:
            raise
        progress.note(f"there is no {LOCK_FILE}: making it (commit it with floe.yaml)")
        lock = resolve_lock(loaded, progress=progress, folders=folders)
        save_lock(path, lock)
    check_fresh(lock, loaded.spec, path.name)
    return lock


def check_services(loaded: Loaded, lock: Lock, *, progress: Progress = SILENT) -> None:
    """Ask the registries of services' images whether their tags still stand for what is locked.

    Raises LockStaleError where one does not, and the leaves for mirrors where one cannot be asked.
    """
    images = [service for service in lock.services if isinstance(service, LockedImage)]
    if not images:
        return
    from floe_images.engine.registry.lock import check_moved
    from floe_images.engine.registry.place import find_registries

    registries = find_registries(reach_for(loaded, progress), loaded.spec.image.mirrors.registries)
    check_moved(images, registries=registries, progress=progress)


def reach_for(loaded: Loaded, progress: Progress) -> Reach:
    """How floe.yaml and this machine reach the mirrors; their passwords are hidden in what is printed.

    Raises UsageError, MirrorRefusedError.
    """
    from floe_images.engine.fetch.reach import find_reach

    reach = find_reach(loaded.spec.image.mirrors, loaded.base)
    for credential in reach.http.settings.credentials:
        progress.hide(credential.password.reveal())
    return reach


def save_lock(path: Path, lock: Lock) -> bool:
    """Write it whole or not at all; whether the file's bytes changed."""
    from floe_images.engine.write import write_whole

    data = write_lock(lock)
    if read_lock(data, path.name) != lock:
        raise AssertionError("the lock does not read back as it was written")
    if path.exists() and path.read_bytes() == data:
        return False
    write_whole(path, data)
    return True


def _names(upgrade: Sequence[str], previous: Lock | None) -> tuple[str, ...]:
    """The names to upgrade, normalized; UsageError for one that is not locked."""
    from packaging.utils import canonicalize_name

    names: tuple[str, ...] = tuple(canonicalize_name(name) for name in upgrade if name != EVERYTHING)
    if not names or previous is None:
        return names
    known = {wheel.name for wheel in previous.wheels} | {data.package for data in previous.data}
    known |= {deb.name for _, debs in previous.debian for deb in debs}
    if previous.services:
        from floe_images.lock.services import names_of

        known |= {name for service in previous.services for name in names_of(service.service, previous)}
    for name, given in zip(names, (name for name in upgrade if name != EVERYTHING), strict=True):
        if name not in known and given not in known:
            from difflib import get_close_matches

            close = get_close_matches(name, sorted(known), n=1)
            hint = f"did you mean {close[0]}?" if close else "floe.lock names what is locked"
            raise UsageError(f"--upgrade {given}: no such package in {LOCK_FILE}", hint=hint)
    return tuple(dict.fromkeys((*names, *(name for name in upgrade if name in known))))
