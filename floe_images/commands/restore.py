"""``floe restore``: what a backup has, back in the platform's volumes."""

from __future__ import annotations

from pathlib import Path

import click

from floe_images.commands.options import spec_file
from floe_images.engine.environment.home import home_of
from floe_images.progress import Console
from floe_images.site.restore import restore_backup
from floe_images.site.secret_files import there
from floe_images.spec.load import load_spec


@click.command()
@spec_file
@click.option("--replace", is_flag=True, help="Throw away the volumes that are there, once FILE has been verified.")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.pass_obj
def command(console: Console, file: Path, source: Path, replace: bool) -> int:
    """Make the platform's volumes as they were when `floe backup` wrote FILE. `floe up` then brings it up."""
    loaded = load_spec(file)
    backup = restore_backup(loaded, source, replace=replace, progress=console)
    console.result(f"restored {', '.join(volume.name for volume in backup.volumes)} as of {backup.made}")
    folder = home_of(loaded.base).secrets
    missing = [name for name in backup.secrets if not there(folder, name)]
    if missing:
        console.note(f"not there yet: the secrets {', '.join(missing)}")
    return 0
