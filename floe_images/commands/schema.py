"""``floe schema``: the JSON Schema of floe.yaml, or of what it is compiled to."""

from __future__ import annotations

import click

from floe_images.progress import Console


@click.command()
@click.option("--artifacts", is_flag=True, help="The schema of what `floe compile` writes instead.")
@click.pass_obj
def command(console: Console, artifacts: bool) -> None:
    """Print the JSON Schema of floe.yaml (draft 2020-12)."""
    if artifacts:
        from floe_images.artifacts.codec import json_schema

        console.result(json_schema().decode().rstrip("\n"))
        return
    from floe_images.spec.schema import schema_text

    console.result(schema_text().rstrip("\n"))
