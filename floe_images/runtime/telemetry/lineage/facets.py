"""OpenLineage's facets as JSON values, each with the version of the schema that it follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from floe_images import __version__
from floe_images.artifacts.events import Column

Json = dict[str, Any]

PRODUCER = f"urn:floe-images:runtime:{__version__}"
RUN_EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
#: https://openlineage.io/spec/facets/
VERSIONS = {
    "ColumnLineageDatasetFacet": "1-2-0",
    "DataQualityAssertionsDatasetFacet": "1-1-0",
    "DatasetTypeDatasetFacet": "1-0-1",
    "DatasourceDatasetFacet": "1-0-1",
    "DocumentationDatasetFacet": "1-1-0",
    "ErrorMessageRunFacet": "1-0-1",
    "JobTypeJobFacet": "2-0-4",
    "OutputStatisticsOutputDatasetFacet": "1-0-2",
    "ParentRunFacet": "1-2-0",
    "ProcessingEngineRunFacet": "1-1-1",
    "SQLJobFacet": "1-1-0",
    "SchemaDatasetFacet": "1-2-0",
}


def facet(kind: str, **values: Any) -> Json:
    """A facet with what every facet has; None is left out."""
    url = f"https://openlineage.io/spec/facets/{VERSIONS[kind]}/{kind}.json#/$defs/{kind}"
    return {"_producer": PRODUCER, "_schemaURL": url, **{key: each for key, each in values.items() if each is not None}}


def schema(columns: Sequence[Column]) -> Json:
    fields = [
        {"name": each.name, "ordinal_position": index, **({"type": each.type} if each.type else {})}
        for index, each in enumerate(columns, 1)
    ]
    return facet("SchemaDatasetFacet", fields=fields)


def data_source(namespace: str) -> Json:
    return facet("DatasourceDatasetFacet", name=namespace, uri=namespace)


def job_type(kind: str) -> Json:
    """``kind`` is JOB for a whole run, else MODEL, SEED, SNAPSHOT or TEST."""
    return facet("JobTypeJobFacet", processingType="BATCH", integration="DBT", jobType=kind)


def parent(run_id: str, namespace: str, name: str) -> Json:
    return facet("ParentRunFacet", run={"runId": run_id}, job={"namespace": namespace, "name": name})


def error(message: str) -> Json:
    return facet("ErrorMessageRunFacet", message=message, programmingLanguage="sql")


def engine(name: str, version: str) -> Json:
    return facet("ProcessingEngineRunFacet", name=name, version=version, openlineageAdapterVersion=__version__)
