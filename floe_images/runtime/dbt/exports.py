"""Exports of floe.yaml: what a dbt node has made, read through dbt's adapter and written into a catalog by PyIceberg.

One commit a table: whoever reads sees the rows before or after, and an export that fails leaves the table as it was.
"""

from __future__ import annotations

import time
from typing import Any

from floe_images.artifacts.events import Column, NodeFinished, Status
from floe_images.artifacts.model import CompiledArtifacts, ExportArtifact, TargetArtifact
from floe_images.errors import FloeError, ProjectError
from floe_images.runtime.catalogs.client import pyiceberg
from floe_images.runtime.catalogs.lookup import Lookup
from floe_images.runtime.catalogs.types import partition_fields
from floe_images.runtime.dbt.redact import Redactor
from floe_images.runtime.dbt.rows import READABLE, rows_of
from floe_images.runtime.dbt.translate import Translator

_KINDS = ("model", "seed", "snapshot")
_BAD = ("error", "fail", "skipped")


class Exporter:
    """Of one invocation, after dbt has done its part."""

    def __init__(
        self,
        manifest: Any,
        target: TargetArtifact,
        *,
        artifacts: CompiledArtifacts,
        lookup: Lookup,
        translator: Translator,
        redact: Redactor,
    ) -> None:
        self._manifest, self._target, self._artifacts = manifest, target, artifacts
        self._lookup, self._translator, self._redact = lookup, translator, redact
        self._clients: dict[str, Any] = {}

    def export(self, export: ExportArtifact) -> None:
        """Tell how it began and how it ended; nothing is raised but what ends the process."""
        started = self._translator.begin(export.unique_id)
        status, message, table = self._done(export)
        if status == "skipped":
            self._translator.say("info", f"the export {export.namespace}.{export.table} is skipped: {message}")
        self._translator.end(
            NodeFinished(
                unique_id=export.unique_id,
                resource_type="export",
                name=f"{export.namespace}.{export.table}",
                status=status,
                started_at=started,
                at=time.time_ns(),
                rows=_count(table),
                failures=None,
                columns=_columns(table),
                relation=None if table is None else f'"{export.catalog}"."{export.namespace}"."{export.table}"',
                sql=None,
                message=message,
            )
        )

    def _done(self, export: ExportArtifact) -> tuple[Status, str | None, Any]:
        if self._target.adapter not in READABLE:
            return "skipped", f"exports are read from {' and '.join(READABLE)}, not from {self._target.adapter}", None
        try:
            node = self._node(export)
            why = self._in_the_way(node)
            return ("skipped", why, None) if why else ("success", None, self._write(export, node))
        except FloeError as fault:
            return "error", f"{fault} ({fault.hint})" if fault.hint else str(fault), None
        except Exception as fault:
            return "error", f"could not be exported to {export.catalog}: {type(fault).__name__}: {fault}", None

    def _node(self, export: ExportArtifact) -> Any:
        for node in self._manifest.nodes.values():
            if node.name == export.model and str(node.resource_type) in _KINDS:
                return node
        raise ProjectError(f"{export.model} is no model, seed or snapshot of the dbt project")

    def _in_the_way(self, node: Any) -> str | None:
        """What has failed in this invocation: the node itself, or one of its tests."""
        for unique_id, event in sorted(self._translator.finished.items()):
            if event.status not in _BAD:
                continue
            if unique_id == node.unique_id:
                return f"{node.name} was not made"
            test = self._manifest.nodes.get(unique_id) or self._manifest.unit_tests.get(unique_id)
            if event.resource_type in ("test", "unit_test") and node.unique_id in test.depends_on.nodes:
                return f"{event.name} of {node.name} {'failed' if event.status != 'skipped' else 'was skipped'}"
        return None

    def _write(self, export: ExportArtifact, node: Any) -> Any:
        from dbt.adapters.factory import FACTORY

        from floe_images.runtime.catalogs.table import write_table

        client = self._client(export.catalog)
        adapter = FACTORY.lookup_adapter(self._target.adapter)
        identifier = (*export.namespace.split("."), export.table)
        with adapter.connection_named(f"floe_{export.unique_id}"):
            relation = adapter.Relation.create_from(adapter.config, node)
            with rows_of(adapter, relation) as rows:
                write_table(client, identifier, rows, partition=partition_fields(export.partition_by, of=export.table))
        return client.load_table(identifier)

    def _client(self, name: str) -> Any:
        from floe_images.runtime.catalogs.table import open_catalog

        if name not in self._clients:
            catalog = self._artifacts.catalog(name)
            if catalog is None:
                raise ProjectError(f"{name} is none of catalogs in floe.yaml")
            properties = pyiceberg(catalog, self._lookup)
            self._redact.learn(properties.secrets)
            self._clients[name] = open_catalog(name, properties)
        return self._clients[name]


def _count(table: Any) -> int | None:
    snapshot = table.current_snapshot() if table is not None else None
    found = snapshot.summary["total-records"] if snapshot is not None and snapshot.summary else None
    return None if found is None else int(found)


def _columns(table: Any) -> tuple[Column, ...]:
    if table is None:
        return ()
    return tuple(Column(name=field.name, type=str(field.field_type)) for field in table.schema().fields)
