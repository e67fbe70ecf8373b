"""Names of Iceberg tables by their catalog: https://openlineage.io/docs/spec/naming/ for Glue and Hive.

For what it has no rule, those of OpenLineage's integration with Spark: a REST catalog is its address. A warehouse
stands before the table, as one address may have several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from floe_images.artifacts.model import CatalogArtifact, Reference
from floe_images.errors import FloeError
from floe_images.runtime.catalogs.attach import can_attach
from floe_images.runtime.catalogs.client import SQLITE
from floe_images.runtime.catalogs.lookup import Lookup, setting
from floe_images.runtime.places import Places


@dataclass(frozen=True, kw_only=True)
class CatalogNames:
    """``attached``: DuckDB knows its tables by ``name``; else they are copies of tables in the DuckDB file."""

    name: str
    attached: bool
    namespace: str
    _before: str = ""
    _between: str = "."

    def table(self, identifier: Sequence[str]) -> str:
        """The dataset's name: ``identifier`` is the namespace's names and the table's."""
        return self._before + self._between.join(identifier)


def catalog_names(catalog: CatalogArtifact, *, places: Places, environ: Mapping[str, str]) -> CatalogNames:
    """A reference that leads to nothing shows as its name; no secret is looked up."""
    lookup = Lookup(places, environ)

    def text(key: str) -> str:
        value = setting(catalog, key)
        if isinstance(value, Reference) and value.kind == "secret":
            return value.name
        try:
            return lookup.text(catalog, key) or ""
        except FloeError:
            return value.name if isinstance(value, Reference) else ""

    namespace, before, between = "", "", "."
    if catalog.type == "glue":
        namespace, before, between = f"arn:aws:glue:{text('region')}:{text('catalog_id')}", "table/", "/"
    elif catalog.type == "hive":
        namespace = f"hive://{urlsplit(text('uri')).netloc}"
    elif catalog.type == "local":
        namespace = f"sqlite://{places.moved(text('warehouse'))}/{SQLITE}"
    else:
        namespace = text("uri").rstrip("/")
        before = f"{text('warehouse')}." if text("warehouse") else ""
    return CatalogNames(
        name=catalog.name, attached=can_attach(catalog), namespace=namespace, _before=before, _between=between
    )
