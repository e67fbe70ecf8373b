"""``targets``: where dbt's SQL runs, what each has, and DuckDB's; the others are in ``postgres`` and ``warehouses``."""

# No `from __future__ import annotations`: pydantic would compile each annotation out of its text at every start.
from typing import Literal

from pydantic import Field

from floe_images.spec.values import Name, Size, StatePath, Strict

Adapter = Literal["duckdb", "postgres", "snowflake", "bigquery", "redshift", "databricks"]
SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


class AnyTarget(Strict):
    """What every target has."""

    threads: int = Field(default=4, ge=1, le=64, description="How many models dbt runs at the same time.")


class DuckDBTarget(AnyTarget):
    """A DuckDB file in the state volume."""

    adapter: Literal["duckdb"] = Field(description="DuckDB, embedded.")
    path: StatePath = Field(description="The database file, under /var/lib/floe (kept) or /tmp (lost at the end).")
    schema_name: Name = Field(default="main", alias="schema", description="Schema that models are made in.")
    catalog: Name | None = Field(
        default=None,
        description="One of catalogs: tables, seeds and snapshots are Iceberg tables there, in the namespace schema; "
        "views stay in the file.",
    )
    memory_limit: Size | None = Field(default=None, description="Most memory that DuckDB takes, such as 1GB.")
