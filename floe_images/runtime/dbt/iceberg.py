"""Databricks: tables are Iceberg ones unless a model says otherwise, and one that asks for Delta is a finding.

dbt-databricks makes Delta tables by default, and no profile, flag or variable of dbt's changes that. So the default is
put into each node's configuration when dbt has read the project. Tables and incremental models become managed Iceberg
tables. dbt-databricks cannot make seeds and snapshots so; theirs are tables that Iceberg's readers can read as well
(https://docs.databricks.com/aws/en/delta/uniform).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_TABLES = ("table", "incremental")
_READABLE = ("seed", "snapshot")
_UNIFORM = {"delta.enableIcebergCompatV2": "true", "delta.universalFormat.enabledFormats": "iceberg"}


def iceberg_by_default() -> None:
    """From now on, in this process, dbt reads projects so. A finding is dbt's own DbtConfigError. Needs dbt."""
    from dbt.adapters.databricks import impl
    from dbt.parser.manifest import ManifestLoader

    impl.USE_MANAGED_ICEBERG["default"] = True  # a project's own flag of that name still wins
    read = ManifestLoader.load
    if getattr(read, "floe", False):
        return

    def load(self: Any) -> Any:
        from dbt_common.exceptions import DbtConfigError

        manifest = read(self)
        if self.root_project.credentials.type != "databricks":  # one process may read the project for several targets
            return manifest
        findings = make_iceberg(manifest.nodes.values())
        if findings:
            raise DbtConfigError("; ".join(findings))
        return manifest

    load.floe = True  # type: ignore[attr-defined]
    ManifestLoader.load = load


def make_iceberg(nodes: Iterable[Any]) -> list[str]:
    """Set dbt's configuration of each node that becomes a table; what cannot be an Iceberg table, one line each.

    A file format other than Delta, which somebody must have asked for, is left as it is.
    """
    findings = []
    for node in nodes:
        config, kind = node.config, node.config.get("materialized")
        if node.resource_type not in ("model", *_READABLE) or kind not in (*_TABLES, *_READABLE):
            continue
        table, file = (str(config.get(key) or "").casefold() for key in ("table_format", "file_format"))
        if table in ("default", "delta") or (file == "delta" and table != "iceberg"):
            key = "table_format" if table else "file_format"
            findings.append(
                f"{node.resource_type} {node.name} ({node.original_file_path}) asks for a Delta table by its {key}; "
                "floe makes Iceberg tables on Databricks: take it out"
            )
        elif file and file != "delta":
            continue
        elif (node.database or "").casefold() == "hive_metastore":
            findings.append(
                f"{node.resource_type} {node.name} ({node.original_file_path}) would lie in hive_metastore, which has "
                "no Iceberg tables: name a catalog in floe.yaml's target"
            )
        elif kind in _TABLES:
            config["table_format"] = "iceberg"
        else:
            config["table_format"] = None
            config["tblproperties"] = {**_UNIFORM, **(config.get("tblproperties") or {})}
    return findings
