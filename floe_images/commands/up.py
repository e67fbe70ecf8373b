"""``floe up``: the whole platform on this machine, healthy."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import click

from floe_images.commands.catalog import Errand, hold
from floe_images.commands.options import as_json as json_option
from floe_images.commands.options import find_links, spec_file
from floe_images.commands.status import show
from floe_images.engine.docker.connect import Engine, connect
from floe_images.progress import Console
from floe_images.project.copied import copied_in_engine
from floe_images.project.load import image_in_engine
from floe_images.project.lock import fresh_lock
from floe_images.project.services import services_in_engine
from floe_images.site.catalogs import own_catalogs
from floe_images.site.composition import WEB_PORT, check_secrets, compose_files, service_names, write_composition
from floe_images.site.faults import check_clocks
from floe_images.site.profiles import PROFILES, Profile, chosen
from floe_images.site.up import bring_up
from floe_images.spec.load import load_spec


@click.command()
@spec_file
@click.option("--port", type=click.IntRange(1, 65535), default=WEB_PORT, show_default=True, help="Of Dagster's UI.")
@click.option("--timeout", type=click.IntRange(1), default=300, show_default=True, help="Seconds until all is healthy.")
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    default=PROFILES[0],
    show_default=True,
    help="What comes up: services alone are for `floe run` and for tools on this machine.",
)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Until all is healthy.")
@click.option("--frozen", is_flag=True, help="Read nothing but the cache and given folders.")
@find_links
@json_option
@click.pass_obj
def command(
    console: Console,
    file: Path,
    port: int,
    timeout: int,
    profile: Profile,
    wait: bool,
    frozen: bool,
    folders: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Bring the platform up: build what is not there yet, start what does not run, wait until all is healthy.

    What is as it should be is left alone. The exit code is 41 where a service does not become healthy.
    """
    loaded = load_spec(file)
    lock = fresh_lock(loaded, progress=console, locked=frozen, folders=folders)
    check_secrets(loaded, lock)
    with connect() as engine:
        check_clocks(engine, datetime.fromtimestamp(lock.snapshot.time, timezone.utc), console)
        planned = services_in_engine(loaded, lock, engine, frozen=frozen, folders=folders, progress=console)
        copied = copied_in_engine(loaded, lock, engine, frozen=frozen, progress=console)
        files = compose_files(loaded, lock, planned, copied, port=port)
        image = image_in_engine(loaded, lock, engine, frozen=frozen, folders=folders, progress=console)
        project = chosen(write_composition(loaded, lock, files), profile)
        managed = own_catalogs(loaded)
        errand = Errand(loaded, lock, console, ("apply",), managed, frozen=frozen, folders=folders)
        states = bring_up(
            project,
            patience=timeout,
            wait=wait,
            progress=console,
            first=service_names(loaded.spec),
            then=partial(_hold, errand, engine, image.id) if managed else None,
        )
    show(states, console, as_json=as_json)
    return 0


def _hold(errand: Errand, engine: Engine, image: str) -> None:
    """Pipelines find in floe's own Polaris what floe.yaml says, and their credentials as files, once they start."""
    errand.console.phase("catalog")
    code = hold(errand, engine, image)
    for change in errand.document.get("changes", ()):
        errand.console.note(str(change["says"]))
    if code:
        raise errand.log.failure(code)
