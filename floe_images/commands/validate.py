"""``floe validate``: check floe.yaml and show all findings."""

from __future__ import annotations

from pathlib import Path

import click

from floe_images.commands.options import as_json as json_option
from floe_images.commands.options import spec_file
from floe_images.errors import SpecError
from floe_images.progress import Console
from floe_images.spec.load import Loaded, check_spec, load_spec


@click.command()
@spec_file
@json_option
@click.pass_obj
def command(console: Console, file: Path, as_json: bool) -> int:
    """Check floe.yaml and show all findings."""
    if not as_json:
        console.result(_sentence(load_spec(file)))
        return 0
    loaded, findings = check_spec(file)
    console.json(
        {
            "file": str(file),
            "valid": loaded is not None,
            "name": loaded.spec.name if loaded else None,
            "findings": [finding.as_json(str(file)) for finding in findings],
        }
    )
    return 0 if loaded else SpecError.exit_code


def _sentence(loaded: Loaded) -> str:
    spec = loaded.spec
    platforms = ", ".join(str(platform) for platform in spec.image.platforms)
    targets = ", ".join(spec.targets)
    return (
        f"{loaded.file} is valid: {spec.name} for {platforms}, adapters {', '.join(spec.adapters)}, targets {targets}"
    )
