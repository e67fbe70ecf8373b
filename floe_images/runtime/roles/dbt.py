"""The role ``dbt``: dbt's own command line, with the profile that floe.yaml describes."""

from __future__ import annotations

from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:
    """dbt's exit code."""
    from floe_images.runtime.dbt.role import run_dbt

    return run_dbt(arguments)
