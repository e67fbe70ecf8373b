"""``floe catalog maintain``: old snapshots, unused files and small files of Iceberg tables, told or done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from floe_images.commands.child_log import ChildLog
from floe_images.commands.options import as_json as json_option
from floe_images.commands.options import find_links, spec_file
from floe_images.errors import UsageError
from floe_images.lock.stale import check_fresh
from floe_images.progress import Console
from floe_images.project.lock import LOCK_FILE, load_lock, reach_for
from floe_images.spec.load import Loaded, load_spec

if TYPE_CHECKING:
    from floe_images.engine.running import Stream


@click.command("maintain")
@json_option
@find_links
@click.option("--frozen", is_flag=True, help="Read nothing but the cache and given folders.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@spec_file
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.pass_obj
def maintain(
    console: Console,
    /,
    file: Path,
    names: tuple[str, ...],
    dry_run: bool,
    frozen: bool,
    folders: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Expire snapshots, remove files that nothing refers to, and write small files anew.

    The ages are those of orchestration.maintenance in floe.yaml, or a week for snapshots and three days for files.
    """
    loaded = load_spec(file)
    arguments = ("maintain", *_chosen(loaded, names), *_ages(loaded), *(("--dry-run",) if dry_run else ()), "--json")
    document = _done(loaded, (*arguments, "--until-stdin-closes"), console, frozen=frozen, folders=folders)
    if as_json:
        console.json(document)
    else:
        lines = [_line(each, dry=dry_run) for each in document["tables"]]
        console.result("\n".join(lines) if lines else "nothing to do")
    return 0


def _chosen(loaded: Loaded, names: tuple[str, ...]) -> tuple[str, ...]:
    """``names``, or all catalogs; those that only the platform's network reaches are refused before anything runs."""
    known = loaded.spec.catalogs
    for name in names:
        if name not in known:
            raise UsageError(f"floe.yaml has no catalog {name}", hint=f"there is: {', '.join(known) or 'none'}")
    chosen = names or tuple(known)
    if not chosen:
        raise UsageError("floe.yaml has no catalogs", hint="catalogs: names those that Iceberg tables lie in")
    services = loaded.spec.services.model_dump(exclude_none=True) if loaded.spec.services else {}
    for name in chosen:
        if urlsplit(str(getattr(known[name], "uri", ""))).hostname in services:
            raise UsageError(
                f"the catalog {name} is a service of floe up, which only containers beside it reach",
                hint=f"floe exec daemon floe-runtime maintain {name}",
            )
    return chosen


def _ages(loaded: Loaded) -> tuple[str, ...]:
    wanted = loaded.spec.orchestration.maintenance
    if wanted is None:
        return ()
    return (f"--keep={wanted.keep}s", f"--keep-last={wanted.keep_last}", f"--orphans={wanted.orphans}s")


def _done(
    loaded: Loaded, arguments: tuple[str, ...], console: Console, *, frozen: bool, folders: tuple[Path, ...]
) -> dict[str, Any]:
    """What the role ``maintain`` told, in the lock's environment. Raise its error."""
    from floe_images.engine.environment.leftovers import run_label
    from floe_images.engine.environment.prepare import prepare_errand
    from floe_images.engine.running import ChildProcess, follow
    from floe_images.engine.store import default_store
    from floe_images.lock.requirements import python_requirements
    from floe_images.render.artifacts import render_artifacts

    lock = load_lock(loaded.base / LOCK_FILE)
    check_fresh(lock, loaded.spec, LOCK_FILE)
    store = default_store()
    log = ChildLog(console, what="the process", verb="catalog maintain")
    document: dict[str, Any] = {"tables": []}

    def hear(stream: Stream, line: str) -> None:
        if stream == "stderr":
            log.hear(line)
        elif line.strip():
            document.update(json.loads(line))

    with store.in_use(), store.folder(run_label()) as scratch:
        start, environ = prepare_errand(
            base=loaded.base,
            lock=lock,
            requirements=python_requirements(loaded.spec),
            artifacts=render_artifacts(loaded.spec, lock),
            scratch=scratch,
            store=store,
            reach=lambda: reach_for(loaded, console),
            progress=console,
            frozen=frozen,
            folders=folders,
        )
        running = ChildProcess([*start, *arguments], env=environ, folder=loaded.base)
        code = follow(running, hear, interrupted=lambda: console.note("interrupted: it ends after the table at hand"))
    if code != 0:
        raise log.failure(code)
    return document


def _line(table: dict[str, Any], *, dry: bool) -> str:
    parts = []
    if table["rewrite"]:
        parts.append(f"rewrite {table['rewrite']['files']} files")
    if table["expire"]:
        parts.append(f"expire {len(table['expire'])} snapshots")
    if table["remove"]:
        parts.append(f"remove {len(table['remove'])} files")
    return f"{table['catalog']}.{'.'.join(table['table'])}: {'would ' if dry else ''}{', '.join(parts)}"
