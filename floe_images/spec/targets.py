"""``targets``: where dbt's SQL runs, one model for each adapter (those in the cloud are in ``warehouses``)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from floe_images.spec.values import Host, Name, Port, Secret, Setting, Size, StatePath, Strict

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
    memory_limit: Size | None = Field(default=None, description="Most memory that DuckDB takes, such as 1GB.")


class PostgresTarget(AnyTarget):
    """A PostgreSQL server."""

    adapter: Literal["postgres"] = Field(description="PostgreSQL.")
    host: Host = Field(description="Host name or address.")
    port: Port = Field(default=5432, description="TCP port.")
    user: Setting = Field(description="Role that logs in.")
    password: Secret | None = Field(default=None, description="The role's password; none for a server that asks none.")
    database: Setting = Field(description="Database.")
    schema_name: Name = Field(default="public", alias="schema", description="Schema that models are made in.")
    sslmode: SslMode = Field(default="prefer", description="libpq's sslmode.")
    sslrootcert: Setting | None = Field(default=None, description="File with the certificates of the server's CA.")
