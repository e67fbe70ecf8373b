"""The catalog that a DuckDB target's tables lie in, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from floe_images.runtime.catalogs.lookup import Properties


@dataclass(frozen=True, kw_only=True)
class TargetCatalog:
    """``attached``: DuckDB writes to it itself; else models run in the DuckDB file and are exported from there.

    ``properties`` are PyIceberg's; ``namespace`` is the target's schema.
    """

    name: str
    namespace: str
    attached: bool
    properties: Properties
