"""``floe lock``: resolve everything that enters the image into floe.lock."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from floe_images.commands.options import as_json as json_option
from floe_images.commands.options import find_links, spec_file
from floe_images.errors import DiskError, LockMissingError, UsageError
from floe_images.lock.changes import Change, changes
from floe_images.lock.codec import read_lock, write_lock
from floe_images.lock.model import Lock
from floe_images.lock.stale import check_fresh, inputs_digest
from floe_images.progress import Console
from floe_images.spec.load import Loaded, load_spec

if TYPE_CHECKING:
    from floe_images.engine.fetch.reach import Reach

LOCK_FILE = "floe.lock"
_EVERYTHING = "*"


@click.command()
@spec_file
@click.option("--check", is_flag=True, help="Only say whether floe.lock belongs to floe.yaml; exit code 11 if not.")
@click.option(
    "--upgrade",
    is_flag=False,
    flag_value=_EVERYTHING,
    multiple=True,
    metavar="[NAME]",
    help="Take the newest versions that fit, of everything or of NAME only. May be repeated.",
)
@click.option("--export", type=click.Choice(["pylock"]), help="Write the Python part as PEP 751, with URLs.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where --export writes; stdout unless given.")
@find_links
@json_option
@click.pass_obj
def command(
    console: Console,
    file: Path,
    check: bool,
    upgrade: tuple[str, ...],
    export: str | None,
    output: Path | None,
    folders: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Resolve everything that enters the image into floe.lock, by name, size and sha256.

    Without --upgrade the versions that are locked already are kept where they fit.
    """
    if sum((check, bool(upgrade), export is not None)) > 1:
        raise UsageError("--check, --upgrade and --export exclude each other")
    if output and not export:
        raise UsageError("--output goes with --export only")
    loaded = load_spec(file)
    path = loaded.base / LOCK_FILE
    if check:
        check_fresh(load_lock(path), loaded.spec, path.name)
        _tell(console, path, load_lock(path), (), as_json, changed=False)
    elif export:
        _export(console, loaded, load_lock(path), output, folders)
    else:
        previous = load_lock(path) if path.exists() else None
        lock = update_lock(loaded, console, previous=previous, upgrade=upgrade, folders=folders)
        changed = save_lock(path, lock)
        # A first lock adds everything: nobody reads that list.
        parts = changes(previous, lock) if previous else ()
        _tell(console, path, lock, parts, as_json, changed=changed)
    return 0


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


def update_lock(
    loaded: Loaded,
    console: Console,
    *,
    previous: Lock | None = None,
    upgrade: Sequence[str] = (),
    folders: Sequence[Path] = (),
) -> Lock:
    """The lock that belongs to floe.yaml now; nobody is asked where the one that is there does and nothing is to be
    upgraded. ``upgrade`` holds names, or ``*`` for everything."""
    from floe_images.engine.assemble.packer import tools
    from floe_images.engine.resolve.lock import resolve
    from floe_images.engine.resolve.uv import Upgrade
    from floe_images.engine.store import default_store

    if previous and not upgrade and previous.inputs == inputs_digest(loaded.spec):
        return replace(previous, tools=tools())
    names = _names(upgrade, previous)
    reach = reach_for(loaded, console)
    store = default_store()
    with store.in_use():
        return resolve(
            loaded.spec,
            reach=reach,
            store=store,
            progress=console,
            previous=previous,
            upgrade=Upgrade(everything=_EVERYTHING in upgrade, names=names),
            folders=folders,
        )


def reach_for(loaded: Loaded, console: Console) -> Reach:
    """How floe.yaml and this machine reach the mirrors; their passwords are hidden in what is printed.

    Raises UsageError, MirrorRefusedError.
    """
    from floe_images.engine.fetch.reach import find_reach

    reach = find_reach(loaded.spec.image.mirrors, loaded.base)
    for credential in reach.http.settings.credentials:
        console.hide(credential.password.reveal())
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

    names: tuple[str, ...] = tuple(canonicalize_name(name) for name in upgrade if name != _EVERYTHING)
    if not names or previous is None:
        return names
    known = {wheel.name for wheel in previous.wheels} | {data.package for data in previous.data}
    known |= {deb.name for _, debs in previous.debian for deb in debs}
    for name, given in zip(names, (name for name in upgrade if name != _EVERYTHING), strict=True):
        if name not in known and given not in known:
            from difflib import get_close_matches

            close = get_close_matches(name, sorted(known), n=1)
            hint = f"did you mean {close[0]}?" if close else "floe.lock names what is locked"
            raise UsageError(f"--upgrade {given}: no such package in {LOCK_FILE}", hint=hint)
    return tuple(dict.fromkeys((*names, *(name for name in upgrade if name in known))))


def _export(console: Console, loaded: Loaded, lock: Lock, output: Path | None, folders: Sequence[Path]) -> None:
    from floe_images.engine.fetch.sources import folders_of
    from floe_images.engine.resolve.export import export_pylock
    from floe_images.engine.write import write_whole

    reach = reach_for(loaded, console)
    data = export_pylock(lock, reach=reach, progress=console, folders=folders_of(reach, folders))
    if output is None:
        console.result(data.decode().rstrip("\n"))
        return
    write_whole(output, data)
    console.result(f"{output}: {len(lock.wheels)} packages")


def _tell(
    console: Console, path: Path, lock: Lock, changed_parts: Sequence[Change], as_json: bool, *, changed: bool
) -> None:
    if as_json:
        rows = [
            {"kind": change.kind, "name": change.name, "before": change.before, "after": change.after}
            for change in changed_parts
        ]
        console.json(
            {
                "lock": str(path),
                "written": changed,
                "inputs": lock.inputs,
                "platforms": [str(platform) for platform in lock.platforms],
                "python": len(lock.wheels),
                "debian": {str(platform): len(debs) for platform, debs in lock.debian},
                "data": len(lock.data),
                "changes": rows,
            }
        )
        return
    for change in changed_parts:
        console.result(str(change))
    debs = max((len(debs) for _, debs in lock.debian), default=0)
    state = "written" if changed else "up to date"
    console.result(
        f"{path.name} is {state}: {len(lock.wheels)} Python packages, {debs} Debian packages, {len(lock.data)} data "
        f"files, for {', '.join(str(platform) for platform in lock.platforms)}"
    )
