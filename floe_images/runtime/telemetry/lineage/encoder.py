"""Events → OpenLineage's: START and COMPLETE, FAIL or ABORT for the run and for each dbt node."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

from floe_images.artifacts.events import Event, NodeFinished, NodeStarted, RunFinished, RunStarted
from floe_images.artifacts.model import CatalogArtifact, CompiledArtifacts
from floe_images.runtime.places import Places
from floe_images.runtime.telemetry.graph import ASSETS, TESTS, Graph, Graphs
from floe_images.runtime.telemetry.lineage import facets
from floe_images.runtime.telemetry.lineage.catalogs import CatalogNames, catalog_names
from floe_images.runtime.telemetry.lineage.datasets import Datasets, at
from floe_images.runtime.telemetry.lineage.facets import Json
from floe_images.runtime.telemetry.lineage.names import namespace, unknown_at_build
from floe_images.runtime.telemetry.parcel import Parcel

_EXPORT = "export"
_MESSAGE = 8192  # characters of an error


@dataclass(frozen=True, kw_only=True)
class _Run:
    started: RunStarted
    graph: Graph
    datasets: Datasets
    run_id: str
    job: str
    common: Json = field(repr=False)  # run facets that every event has


class LineageEncoder:
    """One parcel an event: OpenLineage's ``api/v1/lineage`` takes one at a time. ``jobs``: the namespace of jobs."""

    def __init__(
        self, artifacts: CompiledArtifacts, *, graphs: Graphs, places: Places, environ: Mapping[str, str], jobs: str
    ) -> None:
        self._artifacts, self._graphs, self._jobs = artifacts, graphs, jobs
        self._places, self._environ = places, environ
        self._run: _Run | None = None

    def encode(self, event: Event, *, quick: bool) -> Sequence[Parcel]:
        if isinstance(event, RunStarted):
            self._run = self._begin(event)
        run = self._run
        if run is None:
            return ()
        document: Json | None = None
        if isinstance(event, RunStarted):
            document = self._of_run(run, "START", event.at, None)
        elif isinstance(event, RunFinished):
            kind = {"success": "COMPLETE", "interrupted": "ABORT"}.get(event.outcome, "FAIL")
            document = self._of_run(run, kind, event.at, event.message if kind != "COMPLETE" else None)
            self._run = None
        elif isinstance(event, NodeStarted):
            document = self._node_started(run, event)
        elif isinstance(event, NodeFinished):
            document = self._node_finished(run, event, quick=quick)
        if document is None:
            return ()
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        return (Parcel(path="lineage", body=body, items=1),)

    def flush(self) -> Sequence[Parcel]:
        return ()

    def _begin(self, event: RunStarted) -> _Run:
        artifacts = self._artifacts
        target = artifacts.target(event.target)
        source: str = event.adapter
        known: tuple[str | None, str | None] = (None, None)
        if target:
            source = namespace(target, places=self._places, environ=self._environ)
            known = unknown_at_build(target, places=self._places, environ=self._environ)
        graph = self._graphs.of(event.target, event.transform)
        alone = len(artifacts.transforms) <= 1
        # With several projects one Dagster run has several invocations, and an id may only be one run's.
        run_id = _uuid(event.run_id) if alone else _uuid(event.run_id, event.transform)
        job = event.job if alone else f"{event.job}.{event.transform.removeprefix('project/')}"
        version = artifacts.versions.get("dbt-core")
        common = {"processing_engine": facets.engine("dbt", str(version))} if version is not None else {}
        named = (
            artifacts.catalog(str(target.settings.get("catalog"))) if target and target.adapter == "duckdb" else None
        )
        catalog = self._names(named) if named else None
        datasets = Datasets(graph, source=source, adapter=event.adapter, known=known, catalog=catalog)
        return _Run(started=event, graph=graph, datasets=datasets, run_id=run_id, job=job, common=common)

    def _of_run(self, run: _Run, kind: str, at: int, message: str | None) -> Json:
        return self._event(kind, at, run.run_id, run.job, {**run.common, **_error(message)}, "JOB")

    def _node_started(self, run: _Run, event: NodeStarted) -> Json | None:
        kind = event.unique_id.split(".", 1)[0]
        if kind == _EXPORT:
            inputs, outputs = self._exported(run, event.unique_id, None)
            return self._of_node(run, "START", event.at, event.unique_id, kind, None, inputs=inputs, outputs=outputs)
        if kind not in ASSETS | TESTS:
            return None
        inputs = [run.datasets.dataset(node.unique_id) for node in run.graph.inputs(event.unique_id)]
        outputs = [run.datasets.dataset(event.unique_id)] if kind in ASSETS else []
        return self._of_node(run, "START", event.at, event.unique_id, kind, None, inputs=inputs, outputs=outputs)

    def _node_finished(self, run: _Run, event: NodeFinished, *, quick: bool) -> Json | None:
        if event.resource_type not in ASSETS | TESTS | {_EXPORT}:
            return None
        if event.resource_type != _EXPORT:
            run.datasets.learn(event)
        kind = {"fail": "FAIL", "error": "FAIL", "skipped": "ABORT"}.get(event.status, "COMPLETE")
        inputs = [run.datasets.dataset(node.unique_id) for node in run.graph.inputs(event.unique_id)]
        outputs: list[Json | None] = []
        if event.resource_type == _EXPORT:
            inputs, outputs = self._exported(run, event.unique_id, event if kind == "COMPLETE" else None)
        elif event.resource_type in TESTS:
            inputs = [run.datasets.tested(each, event) for each in inputs]
        elif kind == "COMPLETE":
            written = run.datasets.written(event, quick=quick)
            outputs = [written, run.datasets.copied(event, written)]
        else:
            outputs = [run.datasets.dataset(event.unique_id)]
        message = event.message if kind != "COMPLETE" else None
        sql = event.sql if event.resource_type in ("model", "snapshot", "test") else None
        document = self._of_node(
            run, kind, event.at, event.unique_id, event.resource_type, message, inputs=inputs, outputs=outputs
        )
        if sql:
            document["job"]["facets"]["sql"] = facets.facet("SQLJobFacet", query=sql, dialect=run.started.adapter)
        return document

    def _exported(
        self, run: _Run, unique_id: str, event: NodeFinished | None
    ) -> tuple[list[Json | None], list[Json | None]]:
        """Inputs and outputs of an export, with what ``event`` says of the table that it has written."""
        export = next((each for each in self._artifacts.exports if each.unique_id == unique_id), None)
        catalog = self._artifacts.catalog(export.catalog) if export else None
        node = run.graph.named(export.model) if export else None
        read = run.datasets.dataset(node.unique_id) if node else None
        if export is None or catalog is None or read is None:
            return [read], []
        made = at(read, self._names(catalog), (*export.namespace.split("."), export.table))
        made["facets"]["datasetType"] = facets.facet("DatasetTypeDatasetFacet", datasetType="TABLE")
        if event is not None and event.columns:
            made["facets"]["schema"] = facets.schema(event.columns)
        if event is not None and event.rows is not None:
            told = facets.facet("OutputStatisticsOutputDatasetFacet", rowCount=event.rows)
            made["outputFacets"] = {"outputStatistics": told}
        return [read], [made]

    def _names(self, catalog: CatalogArtifact) -> CatalogNames:
        return catalog_names(catalog, places=self._places, environ=self._environ)

    def _of_node(
        self,
        run: _Run,
        kind: str,
        at: int,
        unique_id: str,
        resource_type: str,
        message: str | None,
        *,
        inputs: Sequence[Json | None],
        outputs: Sequence[Json | None],
    ) -> Json:
        told = {
            **run.common,
            "parent": facets.parent(run.run_id, self._jobs, run.job),
            **_error(message),
        }
        run_id = _uuid(run.run_id, str(run.started.at), unique_id)
        document = self._event(kind, at, run_id, unique_id, told, "TEST" if resource_type in TESTS else resource_type)
        document["inputs"] = [each for each in inputs if each]
        document["outputs"] = [each for each in outputs if each]
        return document

    def _event(self, kind: str, at: int, run_id: str, job: str, run_facets: Json, job_type: str) -> Json:
        return {
            "eventType": kind,
            "eventTime": datetime.fromtimestamp(at / 1e9, timezone.utc).isoformat(timespec="microseconds"),
            "run": {"runId": run_id, "facets": run_facets},
            "job": {
                "namespace": self._jobs,
                "name": job,
                "facets": {"jobType": facets.job_type(job_type.upper())},
            },
            "inputs": [],
            "outputs": [],
            "producer": facets.PRODUCER,
            "schemaURL": facets.RUN_EVENT,
        }


def _error(message: str | None) -> Json:
    return {"errorMessage": facets.error(message[:_MESSAGE])} if message else {}


def _uuid(run_id: str, *parts: str) -> str:
    """Dagster's run id itself, or one that follows from it."""
    try:
        found = uuid.UUID(run_id)
    except ValueError:
        found = uuid.uuid5(uuid.NAMESPACE_OID, run_id)
    return str(uuid.uuid5(found, "\0".join(parts)) if parts else found)
