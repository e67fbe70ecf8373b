"""Iceberg tables in a catalog that DuckDB cannot attach: each table of dbt's, exported when its node has built it.

PyIceberg writes what DuckDB reads, in batches of Arrow data and one commit. It is part of the node: one whose export
fails has failed, and what depends on it is skipped.
"""

from __future__ import annotations

from typing import Any, Protocol

from floe_images.errors import FloeError
from floe_images.runtime.catalogs.target import TargetCatalog
from floe_images.runtime.catalogs.types import iceberg_type, partition_fields

_MATERIALIZED = ("table", "incremental", "seed", "snapshot")
_ROWS = 65_536  # of one batch of Arrow data


class Current(Protocol):
    """The catalog of the target that dbt works on."""

    target: TargetCatalog | None

    def client(self) -> Any: ...


def export_after_models(current: Current) -> None:
    """From now on, in this process, what dbt's runners of models, seeds and snapshots make is exported. Needs dbt."""
    from dbt.task.run import MicrobatchBatchRunner, ModelRunner

    execute = ModelRunner.execute

    def execute_and_export(self: Any, model: Any, manifest: Any) -> Any:
        result = execute(self, model, manifest)
        target = current.target
        if (
            target is not None
            and not target.attached
            and not isinstance(self, MicrobatchBatchRunner)
            and model.config.get("materialized") in _MATERIALIZED
            and str(result.status) == "success"
        ):
            _export(self.adapter, model, current.client(), target)
        return result

    ModelRunner.execute = execute_and_export


def _export(adapter: Any, model: Any, client: Any, target: TargetCatalog) -> None:
    from dbt_common.exceptions import DbtRuntimeError

    from floe_images.runtime.catalogs.table import write_table

    relation = adapter.Relation.create_from(adapter.config, model)
    cursor = adapter.connections.get_thread_connection().handle.cursor()
    partition = model.config.get("partition_by") or model.config.get("partitioned_by")
    try:
        rows = cursor.execute(select(cursor, str(relation))).to_arrow_reader(_ROWS)
        write_table(
            client,
            (target.namespace if relation.schema == adapter.config.credentials.schema else relation.schema,
             relation.identifier),
            rows,
            partition=partition_fields(partition, of=relation.identifier),
        )  # fmt: skip
    except FloeError as fault:
        raise DbtRuntimeError(f"{fault} ({fault.hint})" if fault.hint else str(fault)) from None
    except Exception as fault:
        raise DbtRuntimeError(f"{relation.identifier} could not be exported to {target.name}: {fault}") from fault


def select(cursor: Any, relation: str) -> str:
    """All of a relation, with casts of what Iceberg has no type for."""
    cursor.execute(f"select column_name, column_type from (describe {relation})")  # noqa: S608 (the same)
    columns = []
    for name, kind in cursor.fetchall():
        quoted, wanted = '"' + name.replace('"', '""') + '"', iceberg_type(kind)
        columns.append(quoted if wanted == kind else f"cast({quoted} as {wanted}) as {quoted}")
    return f"select {', '.join(columns)} from {relation}"  # noqa: S608 (dbt quoted the name)
