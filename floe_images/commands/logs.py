"""``floe logs``: what the platform's containers say."""

from __future__ import annotations

from pathlib import Path

import click

from floe_images.commands.options import spec_file
from floe_images.progress import Console
from floe_images.site.composition import composition
from floe_images.site.services import check_names
from floe_images.spec.load import load_spec


@click.command()
@spec_file
@click.option("--follow", is_flag=True, help="Go on until Ctrl-C.")
@click.option("--tail", type=click.IntRange(0), help="Only the last lines of each service.")
@click.argument("services", nargs=-1)
@click.pass_obj
def command(console: Console, file: Path, follow: bool, tail: int | None, services: tuple[str, ...]) -> int:
    """Show the log of SERVICES, of all of them where none is named."""
    from floe_images.engine.compose import logs

    project = composition(load_spec(file))
    check_names(project, services)
    for line in logs(project, services, follow=follow, tail=tail):
        console.result(line)
    return 0
