"""Datasets of a run: what the manifest says of them, and what the run has learnt since."""

from __future__ import annotations

from collections.abc import Sequence

from floe_images.artifacts.events import NodeFinished
from floe_images.runtime.telemetry.graph import Graph
from floe_images.runtime.telemetry.lineage import facets, names
from floe_images.runtime.telemetry.lineage.catalogs import CatalogNames
from floe_images.runtime.telemetry.lineage.facets import Json
from floe_images.runtime.telemetry.lineage.relations import Relations

_TABLES = ("table", "incremental", "seed", "snapshot")


def at(dataset: Json, catalog: CatalogNames, identifier: Sequence[str]) -> Json:
    """The same rows as a table of a catalog."""
    moved = {**dataset["facets"], "dataSource": facets.data_source(catalog.namespace)}
    return {**dataset, "namespace": catalog.namespace, "name": catalog.table(identifier), "facets": moved}


class Datasets:
    """``source`` is the namespace of all that lie in the database; ``catalog`` names those that lie in the target's
    catalog. ``known`` is for `made_known`."""

    def __init__(
        self,
        graph: Graph,
        *,
        source: str,
        adapter: str,
        known: tuple[str | None, str | None] = (None, None),
        catalog: CatalogNames | None = None,
    ) -> None:
        self._graph, self._source, self._catalog = graph, source, catalog
        self._relations = Relations(graph, adapter=adapter, known=known)

    def learn(self, event: NodeFinished) -> None:
        """Of what the event says, later datasets know."""
        self._relations.learn(event)

    def dataset(self, unique_id: str) -> Json | None:
        """None where nothing lies in the database under that id."""
        node = self._graph.node(unique_id)
        relation = self._relations.relation(unique_id)
        if not relation:
            return None
        namespace, name = self._place(names.parts(relation))
        found: Json = {"dataSource": facets.data_source(namespace)}
        columns = self._relations.columns(unique_id)
        if columns:
            found["schema"] = facets.schema(columns)
        if node and node.description:
            found["documentation"] = facets.facet("DocumentationDatasetFacet", description=node.description)
        if node and node.resource_type in ("model", "seed", "snapshot"):
            kind = "VIEW" if node.materialized == "view" else "TABLE"
            found["datasetType"] = facets.facet("DatasetTypeDatasetFacet", datasetType=kind)
        return {"namespace": namespace, "name": name, "facets": found}

    def _place(self, parts: tuple[str, ...]) -> tuple[str, str]:
        """Namespace and name."""
        catalog = self._catalog
        if catalog is not None and catalog.attached and parts[0] == catalog.name:
            return catalog.namespace, catalog.table(parts[1:])
        return self._source, ".".join(parts)

    def written(self, event: NodeFinished, *, quick: bool) -> Json | None:
        """The dataset that a node has made, with its rows and, unless ``quick``, where its columns come from."""
        found = self.dataset(event.unique_id)
        if found is None:
            return None
        if event.rows is not None:
            found["outputFacets"] = {
                "outputStatistics": facets.facet("OutputStatisticsOutputDatasetFacet", rowCount=event.rows)
            }
        if not quick:
            fields = self._fields(event)
            if fields:
                found["facets"]["columnLineage"] = facets.facet("ColumnLineageDatasetFacet", fields=fields)
        return found

    def copied(self, event: NodeFinished, dataset: Json | None) -> Json | None:
        """The table of a catalog that a node's own has been copied to; None where there is none."""
        catalog, node = self._catalog, self._graph.node(event.unique_id)
        relation = self._relations.relation(event.unique_id)
        if dataset is None or catalog is None or catalog.attached or not relation:
            return None
        if node is None or node.materialized not in _TABLES:
            return None
        return at(dataset, catalog, names.parts(relation)[1:])

    def tested(self, dataset: Json | None, event: NodeFinished) -> Json | None:
        """The dataset that a test has read, with what came out."""
        node = self._graph.node(event.unique_id)
        if dataset is None or node is None or event.status == "skipped":
            return dataset
        tested = self.dataset(node.tested) if node.tested else None
        if tested is None or tested["name"] != dataset["name"]:
            return dataset
        assertion = {
            "assertion": node.check or event.name,
            "success": event.status == "success",
            **({"column": node.column} if node.column else {}),
            "severity": node.severity,
            "name": event.name,
        }
        told = facets.facet("DataQualityAssertionsDatasetFacet", assertions=[assertion])
        return {**dataset, "inputFacets": {"dataQualityAssertions": told}}

    def _fields(self, event: NodeFinished) -> Json:
        return {
            column: {
                "inputFields": [
                    {
                        **dict(zip(("namespace", "name"), self._place(each.table), strict=True)),
                        "field": each.column,
                        "transformations": [{"type": "DIRECT", "subtype": each.subtype}],
                    }
                    for each in sources
                ]
            }
            for column, sources in self._relations.made_of(event).items()
        }
