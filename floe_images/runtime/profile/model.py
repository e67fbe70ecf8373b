"""A profile as a value."""

from __future__ import annotations

from dataclasses import dataclass, field

from floe_images.runtime.catalogs.target import TargetCatalog


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What dbt and a driver need for one target.

    ``document`` is profiles.yml. ``secrets`` are (variable, value) pairs for the environment of the process that dbt
    runs in; ``environ`` are further ones, which the driver reads and which are no secrets. ``credentials`` are the
    paths in floe.yaml of the settings that were looked up as secrets. ``catalog`` is the Iceberg catalog that the
    target's tables lie in.
    """

    document: dict[str, object]
    secrets: tuple[tuple[str, str], ...] = field(repr=False)
    environ: tuple[tuple[str, str], ...] = ()
    credentials: tuple[str, ...] = ()
    catalog: TargetCatalog | None = None
