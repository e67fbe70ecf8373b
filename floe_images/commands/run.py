"""``floe run``: the pipeline once, in an environment of the lock's versions or, with --in-container, in the image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from floe_images.artifacts.events import from_line
from floe_images.commands.child_log import ChildLog
from floe_images.commands.options import as_json as json_option
from floe_images.commands.options import find_links, spec_file
from floe_images.commands.quiet import telling
from floe_images.commands.run_report import RunReport
from floe_images.errors import UsageError
from floe_images.lock.stale import check_fresh
from floe_images.progress import Console
from floe_images.project.lock import LOCK_FILE, load_lock, reach_for
from floe_images.spec.load import Loaded, load_spec

if TYPE_CHECKING:
    from floe_images.engine.running import Running, Stream
    from floe_images.lock.model import Lock


@click.command()
@spec_file
@click.option("--target", metavar="NAME", help="One of floe.yaml's targets, instead of default_target.")
@click.option("--select", multiple=True, metavar="SELECTION", help="Only these nodes, in dbt's words. May be repeated.")
@click.option("--exclude", multiple=True, metavar="SELECTION", help="Without these nodes. May be repeated.")
@click.option("--full-refresh", is_flag=True, help="Make incremental models anew.")
@click.option("--in-container", is_flag=True, help="In the image, hardened, on the container engine that answers.")
@click.option("--frozen", is_flag=True, help="Read nothing but the cache and given folders.")
@find_links
@json_option
@click.argument("more", nargs=-1, metavar="")
@click.pass_obj
def command(
    console: Console,
    file: Path,
    target: str | None,
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    full_refresh: bool,
    in_container: bool,
    frozen: bool,
    folders: tuple[Path, ...],
    as_json: bool,
    more: tuple[str, ...],
) -> int:
    """Run the pipeline: every model, seed, snapshot and test, or those that are selected.

    The exit code is 0 for success, 60 where a test failed, 61 where a model did, 62 where it could not work.
    """
    _check_selections(select, exclude, more)
    loaded = load_spec(file)
    chosen = _target(loaded, target)
    lock = load_lock(loaded.base / LOCK_FILE)
    check_fresh(lock, loaded.spec, LOCK_FILE)
    part = bool(select or exclude)
    arguments = _arguments(chosen, select, exclude, full_refresh)
    report = RunReport(progress=console)
    if in_container:
        from floe_images.commands.run_container import run_in_container

        def hear(running: Running) -> None:
            report.expect(0)
            _follow(running, report, console)

        run_in_container(
            loaded, lock, chosen, arguments, console, frozen=frozen, folders=folders, follow=hear
        )  # fmt: skip
    else:
        _run_here(loaded, lock, chosen, arguments, report, console, part=part, frozen=frozen, folders=folders)
    if as_json:
        console.json(report.document())
    elif report.nodes:
        console.result(report.table())
    failure = report.error()
    if failure:
        raise failure
    return 0


def _check_selections(select: tuple[str, ...], exclude: tuple[str, ...], more: tuple[str, ...]) -> None:
    """Raise UsageError for what dbt would take otherwise than it looks."""
    if more:
        raise UsageError(
            f"{more[0]!r} belongs to no option: each selection has one of its own",
            hint=f"several are --select A --select {more[0]}, or --select 'A {more[0]}'",
        )
    for option, values in (("--select", select), ("--exclude", exclude)):
        if not all(each.strip() for each in values):
            raise UsageError(f"{option} is empty", hint="leave it out to run everything")


def _target(loaded: Loaded, wanted: str | None) -> str:
    chosen = wanted or loaded.spec.default_target
    if chosen not in loaded.spec.targets:
        raise UsageError(
            f"no target {chosen!r} in floe.yaml", hint=f"the targets are: {', '.join(loaded.spec.targets)}"
        )
    return chosen


def _arguments(target: str, select: tuple[str, ...], exclude: tuple[str, ...], full_refresh: bool) -> tuple[str, ...]:
    """Of the role ``run``; a value is never taken for an option."""
    chosen = (*(f"--select={each}" for each in select), *(f"--exclude={each}" for each in exclude))
    return ("run", f"--target={target}", *chosen, *(("--full-refresh",) if full_refresh else ()), "--events")


def _run_here(
    loaded: Loaded,
    lock: Lock,
    target: str,
    arguments: tuple[str, ...],
    report: RunReport,
    console: Console,
    *,
    part: bool,
    frozen: bool,
    folders: tuple[Path, ...],
) -> None:
    from floe_images.engine.docker.secrets import sweep_secrets
    from floe_images.engine.environment.leftovers import run_label, sweep_runs
    from floe_images.engine.environment.prepare import prepare
    from floe_images.engine.running import ChildProcess
    from floe_images.engine.store import default_store
    from floe_images.lock.requirements import python_requirements
    from floe_images.render.artifacts import render_artifacts
    from floe_images.render.files import rendered_files

    store = default_store()
    sweep_runs(store)
    sweep_secrets()
    with store.in_use(), store.folder(run_label()) as scratch:
        ready = prepare(
            base=loaded.base,
            lock=lock,
            requirements=python_requirements(loaded.spec),
            transforms=tuple(each.path for each in loaded.spec.transforms),
            target=target,
            rendered={file.path: file.data for file in rendered_files(loaded.spec, lock)},
            artifacts=render_artifacts(loaded.spec, lock),
            scratch=scratch,
            store=store,
            reach=lambda: reach_for(loaded, console),
            progress=console,
            frozen=frozen,
            folders=folders,
        )
        console.phase("run")
        report.expect(0 if part else ready.nodes + len(loaded.spec.exports))
        _follow(
            ChildProcess([*ready.command, *arguments, "--until-stdin-closes"], env=ready.environ, folder=loaded.base),
            report,
            console,
        )


def _follow(running: Running, report: RunReport, console: Console) -> None:
    """Hear a run to its end. Raises what the run said was wrong with it where it told no outcome."""
    from floe_images.engine.running import follow

    log = ChildLog(console, what="the run's process", verb="run")

    def tell(stream: Stream, line: str) -> None:
        if stream == "stdout":
            try:
                report.tell(from_line(line))
            except ValueError:
                console.detail(line)
        else:
            log.hear(line)

    def interrupted() -> None:
        report.interrupted = True
        console.note("interrupted: the run is told to end (Ctrl-C again kills it)")

    with telling(report.at_work, console.note) as word:

        def hear(stream: Stream, line: str) -> None:
            word()
            tell(stream, line)

        code = follow(running, hear, interrupted=interrupted)
    told = report.outcome if code == 0 or not log.told_an_error else None  # its record was lost after the last event
    if told is None and (code != 0 or report.started):
        raise log.failure(code)
