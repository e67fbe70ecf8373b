"""``floe schema``: the JSON Schema of floe.yaml."""

from __future__ import annotations

import click

from floe_images.progress import Console


@click.command()
@click.pass_obj
def command(console: Console) -> None:
    """Print the JSON Schema of floe.yaml (draft 2020-12)."""
    from floe_images.spec.schema import schema_text

    console.result(schema_text().rstrip("\n"))
