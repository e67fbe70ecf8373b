"""``floe status``: the platform's containers on this machine, and how they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from floe_images.commands.options import as_json as json_option
from floe_images.commands.options import spec_file
from floe_images.errors import ServiceError
from floe_images.progress import Console
from floe_images.spec.load import load_spec

if TYPE_CHECKING:
    from floe_images.engine.compose import ContainerState


@click.command()
@spec_file
@json_option
@click.pass_obj
def command(console: Console, file: Path, as_json: bool) -> int:
    """Show each container of the platform, its health and its address. The exit code is 41 unless all is well."""
    from floe_images.engine.compose import states

    loaded = load_spec(file)
    found = states(loaded.spec.name)
    show(found, console, as_json=as_json)
    ill = [state.service for state in found if state.health not in ("healthy", "ended")]
    if not found:
        raise ServiceError("nothing is up", hint="`floe up` starts the platform")
    if ill:
        raise ServiceError(f"not healthy: {', '.join(ill)}", hint=f"`floe logs {ill[0]}` shows why")
    return 0


def show(found: Sequence[ContainerState], console: Console, *, as_json: bool) -> None:
    """The containers as a table, or as one JSON document."""
    if as_json:
        services = [
            {
                "service": state.service,
                "health": state.health,
                "container": state.id,
                "addresses": [f"{address}:{outer}" for address, outer, _ in state.ports],
            }
            for state in found
        ]
        console.json({"services": services})
        return
    rows = [(state.service, state.health, " ".join(f"{a}:{port}" for a, port, _ in state.ports)) for state in found]
    if rows:
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        console.result("\n".join(f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c}".rstrip() for a, b, c in rows))
