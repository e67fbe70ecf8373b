"""Names that Dagster takes: letters, digits and underscores, each one once."""

from __future__ import annotations

import re
from collections.abc import Iterable

ALL = "all"  # the job of everything
PROJECT_TAG = "floe/project"  # of each run: the name in floe.yaml, and below the target
TARGET_TAG = "floe/target"
MAINTENANCE = "maintenance"  # the job and its schedule
MAINTENANCE_TAG = "floe/maintenance"  # of its runs, which make nothing that a pipeline would wait for
SELECTION_TAG = "floe/selection"  # of a run of what dbt selections select, tests included: --select and --exclude


def plain_name(text: str) -> str:
    """``text`` with an underscore for whatever Dagster does not take in a name."""
    return re.sub(r"[^A-Za-z0-9_]", "_", text)


def op_name(transform: str) -> str:
    """The op of a dbt project: ``dbt_transform`` for ``project/transform``."""
    return f"dbt_{plain_name(transform.removeprefix('project/'))}"


def unlike(name: str, taken: Iterable[str]) -> str:
    """``name``, with underscores after it until it is not among ``taken``."""
    known = set(taken)
    while name in known:
        name += "_"
    return name
