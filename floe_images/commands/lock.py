"""``floe lock``: resolve everything that enters the image into floe.lock."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from floe_images.commands.options import as_json as json_option
from floe_images.commands.options import find_links, spec_file
from floe_images.errors import UsageError
from floe_images.lock.changes import Change, changes
from floe_images.lock.model import Lock
from floe_images.lock.stale import check_fresh
from floe_images.progress import Console
from floe_images.project.lock import (
    EVERYTHING,
    LOCK_FILE,
    check_services,
    load_lock,
    reach_for,
    resolve_lock,
    save_lock,
)
from floe_images.spec.load import Loaded, load_spec


@click.command()
@spec_file
@click.option(
    "--check",
    is_flag=True,
    help="Only say whether floe.lock belongs to floe.yaml, and its images to their tags; exit code 11 if not.",
)
@click.option(
    "--upgrade",
    is_flag=False,
    flag_value=EVERYTHING,
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
        lock = load_lock(path)
        check_fresh(lock, loaded.spec, path.name)
        check_services(loaded, lock, progress=console)
        _tell(console, path, lock, (), as_json, changed=False)
    elif export:
        _export(console, loaded, load_lock(path), output, folders)
    else:
        previous = load_lock(path) if path.exists() else None
        lock = resolve_lock(loaded, progress=console, previous=previous, upgrade=upgrade, folders=folders)
        changed = save_lock(path, lock)
        # A first lock adds everything: nobody reads that list.
        parts = changes(previous, lock) if previous else ()
        _tell(console, path, lock, parts, as_json, changed=changed)
    return 0


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
                "services": [service.service for service in lock.services],
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
        f"files{_services(lock)}, for {', '.join(str(platform) for platform in lock.platforms)}"
    )


def _services(lock: Lock) -> str:
    names = [service.service for service in lock.services]
    return f", {len(names)} services ({', '.join(names)})" if names else ""
