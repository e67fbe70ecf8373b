"""``floe exec``: a command in one of the platform's containers."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from floe_images.commands.options import spec_file
from floe_images.site.composition import composition
from floe_images.site.services import check_names
from floe_images.spec.load import load_spec


@click.command(context_settings={"ignore_unknown_options": True})
@spec_file
@click.argument("service")
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
def command(file: Path, service: str, arguments: tuple[str, ...]) -> int:
    """Run COMMAND in the container of SERVICE; its exit code is floe's. There is no shell in there: see the docs."""
    from floe_images.engine.compose import execute

    project = composition(load_spec(file))
    check_names(project, (service,))
    return execute(project, service, arguments, tty=sys.stdin.isatty() and sys.stdout.isatty())
