"""``floe backup``: everything that the platform keeps, in one file."""

from __future__ import annotations

from pathlib import Path

import click

from floe_images.commands.options import as_json as json_option
from floe_images.commands.options import spec_file
from floe_images.engine.environment.home import home_of
from floe_images.progress import Console
from floe_images.site.backup import take_backup
from floe_images.site.pause import Pace
from floe_images.spec.load import load_spec


@click.command()
@spec_file
@click.option("--wait", type=click.IntRange(0), default=0, help="Seconds to wait for runs that are under way.")
@click.option("--interrupt-runs", "interrupt", is_flag=True, help="End runs that are under way; they count as failed.")
@json_option
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@click.pass_obj
def command(console: Console, file: Path, target: Path, wait: int, interrupt: bool, as_json: bool) -> int:
    """Write FILE: tables, runs, catalogs, logs, all of one moment.

    The platform stands still meanwhile, and is started again whatever happens. Secrets are not in it: keep them apart.
    """
    loaded = load_spec(file)
    backup = take_backup(loaded, target, pace=Pace(wait=wait, interrupt=interrupt), progress=console)
    if as_json:
        volumes = {each.name: {"entries": each.content.entries, "packed": each.packed} for each in backup.volumes}
        console.json({"file": str(target), "size": target.stat().st_size, "volumes": volumes})
    else:
        console.result(
            f"{target}: {target.stat().st_size / 1e6:.1f} MB, the volumes {', '.join(v.name for v in backup.volumes)}"
        )
    if backup.secrets:
        console.note(f"not in it: the secrets in {home_of(loaded.base).secrets}, which a restore needs, too")
    return 0
