"""A node that dbt has finished, as what Dagster records: a materialization or a check's result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster

from floe_images.artifacts.events import NodeFinished

_SQL_LIMIT = 20_000  # characters: a page shows no more, and each is a row of Dagster's database


def materialized(
    event: NodeFinished,
    key: dagster.AssetKey,
    *,
    target: str,
    node: Mapping[str, Any],
    origins: dagster.TableColumnLineage | None,
) -> dagster.MaterializeResult:
    """``node`` is dbt's in the manifest, for what it says of columns; ``origins`` are what they are made of."""
    metadata: dict[str, Any] = {
        "target": target,
        "dbt/unique_id": event.unique_id,
        "duration": dagster.MetadataValue.float(round((event.at - event.started_at) / 1e9, 3)),
    }
    if event.rows is not None:
        metadata["dagster/row_count"] = event.rows
    if event.columns:
        metadata["dagster/column_schema"] = _schema(event, node)
    if origins:
        metadata["dagster/column_lineage"] = origins
    if event.relation:
        metadata["dagster/table_name"] = event.relation.replace('"', "").replace("`", "")
    if event.sql:
        metadata["sql"] = _sql(event.sql)
    return dagster.MaterializeResult(asset_key=key, metadata=metadata)


def checked(event: NodeFinished, key: dagster.AssetCheckKey) -> dagster.AssetCheckResult:
    """A test that warns has not passed, and says so with severity WARN."""
    metadata: dict[str, Any] = {
        "dbt/unique_id": event.unique_id,
        "duration": dagster.MetadataValue.float(round((event.at - event.started_at) / 1e9, 3)),
    }
    if event.failures is not None:
        metadata["failures"] = event.failures
    if event.sql:
        metadata["sql"] = _sql(event.sql)
    return dagster.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=event.status == "success",
        severity=dagster.AssetCheckSeverity.WARN if event.status == "warn" else dagster.AssetCheckSeverity.ERROR,
        description=event.message if event.status != "success" else None,
        metadata=metadata,
    )


def _schema(event: NodeFinished, node: Mapping[str, Any]) -> dagster.TableSchema:
    said = {name.lower(): column for name, column in (node.get("columns") or {}).items()}
    return dagster.TableSchema(
        columns=[
            dagster.TableColumn(
                name=column.name,
                type=column.type,
                description=(said.get(column.name.lower()) or {}).get("description") or None,
            )
            for column in event.columns
        ]
    )


def _sql(text: str) -> dagster.MarkdownMetadataValue:
    short = text if len(text) <= _SQL_LIMIT else f"{text[:_SQL_LIMIT]}\n-- … {len(text) - _SQL_LIMIT} characters more"
    return dagster.MetadataValue.md(f"```sql\n{short.strip()}\n```")
