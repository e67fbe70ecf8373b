"""``floe compile``: floe.yaml and floe.lock → the document that everything inside the image reads."""

from __future__ import annotations

from pathlib import Path

import click

from floe_images.commands.options import as_json as json_option
from floe_images.commands.options import spec_file
from floe_images.progress import Console
from floe_images.project.artifacts import compile_artifacts
from floe_images.spec.load import load_spec


@click.command()
@spec_file
@json_option
@click.pass_obj
def command(console: Console, file: Path, as_json: bool) -> None:
    """Write the compiled artifacts to .floe/artifacts.json: what the image carries, and never a secret."""
    compiled = compile_artifacts(load_spec(file))
    if as_json:
        import hashlib

        digest = hashlib.sha256(compiled.data).hexdigest()
        console.json({"artifacts": str(compiled.path), "sha256": digest, "written": compiled.changed})
    else:
        console.result(str(compiled.path))
