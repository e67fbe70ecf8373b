"""``floe down``: the platform's containers stop and go; what they keep stays, unless --volumes is given."""

from __future__ import annotations

from pathlib import Path

import click

from floe_images.commands.options import spec_file
from floe_images.progress import Console
from floe_images.site.composition import composition
from floe_images.spec.load import load_spec


@click.command()
@spec_file
@click.option("--volumes", is_flag=True, help="Remove what the platform keeps, too: tables, runs, all of it.")
@click.pass_obj
def command(console: Console, file: Path, volumes: bool) -> int:
    """Stop and remove the platform's containers and networks."""
    from floe_images.engine.compose import check_owner, down
    from floe_images.engine.docker.connect import connect
    from floe_images.site.restoring import throw_away

    project = composition(load_spec(file))
    if project.files:
        check_owner(project)
        console.phase("stop")
        down(project, volumes=volumes)
    else:
        console.note("nothing is up: there are no compose files")
    if volumes:
        with connect() as engine:
            throw_away(engine, project.name)
    return 0
