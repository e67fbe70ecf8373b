"""Inside the image: dbt's graph as Dagster's, dbt itself, and who is told. Never imports Docker or the toolkit.

``definitions`` is for a Dagster project of one's own: see docs/how-to/dagster-project.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from floe_images.runtime.assets.definitions import definitions as definitions

__all__ = ["definitions"]


def __getattr__(name: str) -> Any:
    if name == "definitions":  # imports Dagster
        try:
            from floe_images.runtime.assets.definitions import definitions
        except ModuleNotFoundError as fault:
            if (fault.name or "").partition(".")[0] not in ("dagster", "dagster_dbt"):
                raise
            from floe_images.errors import UsageError

            raise UsageError(
                f"definitions needs {fault.name}, which is not installed here",
                hint="call it where Dagster runs: install floe-images[runtime] there",
            ) from None
        return definitions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
