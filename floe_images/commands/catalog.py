"""``floe catalog``: what the Polaris servers that floe.yaml manages lack of it; shown, or made."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from floe_images.commands.catalog_maintain import maintain
from floe_images.commands.child_log import ChildLog
from floe_images.commands.options import as_json as json_option
from floe_images.commands.options import find_links, spec_file
from floe_images.errors import CatalogDriftError, FloeError, UsageError
from floe_images.lock.stale import check_fresh
from floe_images.progress import Console
from floe_images.project.lock import LOCK_FILE, load_lock, reach_for
from floe_images.spec.load import Loaded, load_spec

if TYPE_CHECKING:
    from floe_images.engine.docker.connect import Engine
    from floe_images.engine.running import Running, Stream
    from floe_images.lock.model import Lock

_Command = TypeVar("_Command", bound=Callable[..., Any])


@click.group()
def command() -> None:
    """Iceberg catalogs: hold the Polaris that floe.yaml manages to what it says, and look after tables."""


command.add_command(maintain)


def _shared(function: _Command) -> _Command:
    for option in (
        json_option,
        find_links,
        click.option("--frozen", is_flag=True, help="Read nothing but the cache and given folders."),
        click.option("--at", metavar="URL", help="The server's address as seen from here, without /api."),
        spec_file,
        click.argument("names", nargs=-1, metavar="[NAME]..."),
    ):
        function = option(function)
    return function


@command.command()
@_shared
@click.option("--check", is_flag=True, help="Exit code 63 where there is something to change.")
@click.pass_obj
def plan(console: Console, /, check: bool, **given: Any) -> int:
    """Show what apply would change; with names, of these catalogs."""
    return _run(console, "plan", more=("--check",) if check else (), **given)


@command.command()
@_shared
@click.pass_obj
def apply(console: Console, /, **given: Any) -> int:
    """Change what differs from floe.yaml, and nothing else.

    The credential of a principal that Polaris makes is written to its secret's file, and shown nowhere.
    """
    return _run(console, "apply", more=(), **given)


def _run(
    console: Console,
    verb: str,
    *,
    more: tuple[str, ...],
    file: Path,
    names: tuple[str, ...],
    at: str | None,
    frozen: bool,
    folders: tuple[Path, ...],
    as_json: bool,
) -> int:
    loaded = load_spec(file)
    managed = _managed(loaded, names)
    lock = load_lock(loaded.base / LOCK_FILE)
    check_fresh(lock, loaded.spec, LOCK_FILE)
    own = () if at else _own(loaded)
    here, elsewhere = [[name for name in managed if (name in own) is mine] for mine in (True, False)]
    told: dict[str, Any] = {"applied": verb == "apply", "catalogs": [], "changes": []}
    drift: FloeError | None = None
    for chosen, run in ((elsewhere, _with_environment), (here, _with_platform)):
        if not chosen:
            continue
        where = (f"--at={at}",) if at else ()
        errand = Errand(loaded, lock, console, (verb, *more, *where), tuple(chosen), frozen=frozen, folders=folders)
        code = run(errand)
        for key in ("catalogs", "changes"):
            told[key] += errand.document.get(key, [])
        if code not in (0, CatalogDriftError.exit_code):
            if told["changes"]:  # what has been made is made
                _show(told, console, as_json=as_json)
            raise errand.log.failure(code)
        drift = errand.log.failure(code) if code else drift
    _show(told, console, as_json=as_json)
    if drift:
        raise drift
    return 0


def _managed(loaded: Loaded, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of ``names``, or all. Before anything is made: the same words as the runtime's."""
    managed = tuple(
        name for name, each in loaded.spec.catalogs.items() if each.type == "polaris" and each.manage is not None
    )
    if not managed:
        raise UsageError("no catalog of floe.yaml is managed by floe", hint="catalogs.NAME.manage says that one is")
    for name in names:
        if name not in managed:
            raise UsageError(f"floe.yaml has no managed catalog {name}", hint=f"managed are: {', '.join(managed)}")
    return names or managed


def _own(loaded: Loaded) -> tuple[str, ...]:
    if loaded.spec.services is None:
        return ()
    from floe_images.site.catalogs import own_catalogs

    return own_catalogs(loaded)


class Errand:
    """The role ``catalog`` for some catalogs: what it is asked, and what it said."""

    def __init__(
        self,
        loaded: Loaded,
        lock: Lock,
        console: Console,
        arguments: tuple[str, ...],
        names: tuple[str, ...],
        *,
        frozen: bool,
        folders: tuple[Path, ...],
    ) -> None:
        self.loaded, self.lock, self.console = loaded, lock, console
        self.arguments, self.names = arguments, names
        self.frozen, self.folders = frozen, folders
        self.log = ChildLog(console, what="the process", verb=f"catalog {arguments[0]}")
        self.document: dict[str, Any] = {}

    def follow(self, running: Running) -> int:
        """Hear it to its end; its exit code."""
        from floe_images.engine.running import follow

        def interrupted() -> None:
            self.console.note("interrupted: it ends after the request at hand")

        return follow(running, self._hear, interrupted=interrupted)

    def _hear(self, stream: Stream, line: str) -> None:
        if stream == "stderr":
            self.log.hear(line)
        elif line.strip():
            self.document.update(json.loads(line))


def _with_platform(errand: Errand) -> int:
    """On the platform's network, in the pipeline's image."""
    from floe_images.engine.docker.connect import connect
    from floe_images.project.load import image_in_engine

    with connect() as engine:
        image = image_in_engine(
            errand.loaded,
            errand.lock,
            engine,
            frozen=errand.frozen,
            folders=errand.folders,
            progress=errand.console,
        )
        return hold(errand, engine, image.id)


def hold(errand: Errand, engine: Engine, image: str) -> int:
    """`site.catalogs.hold_own_polaris` in ``image``, which ``engine`` has; the exit code."""
    from floe_images.site.catalogs import hold_own_polaris

    return hold_own_polaris(
        errand.loaded,
        errand.lock,
        engine,
        image=image,
        names=errand.names,
        arguments=errand.arguments,
        progress=errand.console,
        follow=errand.follow,
    )


def _with_environment(errand: Errand) -> int:
    """On this machine, in the lock's environment."""
    from floe_images.engine.environment.leftovers import run_label
    from floe_images.engine.environment.prepare import prepare_errand
    from floe_images.engine.running import ChildProcess
    from floe_images.engine.store import default_store
    from floe_images.lock.requirements import python_requirements
    from floe_images.render.artifacts import render_artifacts

    loaded, store = errand.loaded, default_store()
    with store.in_use(), store.folder(run_label()) as scratch:
        start, environ = prepare_errand(
            base=loaded.base,
            lock=errand.lock,
            requirements=python_requirements(loaded.spec),
            artifacts=render_artifacts(loaded.spec, errand.lock),
            scratch=scratch,
            store=store,
            reach=lambda: reach_for(loaded, errand.console),
            progress=errand.console,
            frozen=errand.frozen,
            folders=errand.folders,
        )
        command = [*start, "catalog", *errand.arguments, *errand.names, "--json", "--until-stdin-closes"]
        return errand.follow(ChildProcess(command, env=environ, folder=loaded.base))


def _show(document: dict[str, Any], console: Console, *, as_json: bool) -> None:
    if as_json:
        console.json(document)
        return
    lines = [str(each["says"]) for each in document["changes"]]
    console.result("\n".join(lines) if lines else f"nothing to change: {', '.join(document['catalogs'])}")
