"""PostgreSQL as a target of dbt's, and as the place of Dagster's state."""

# No `from __future__ import annotations`: pydantic would compile each annotation out of its text at every start.
from typing import Literal

from pydantic import Field

from floe_images.spec.targets import AnyTarget, SslMode
from floe_images.spec.values import Host, Name, Port, Secret, Setting, Strict


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


class PostgresMetadata(Strict):
    """A PostgreSQL database of Dagster's own."""

    type: Literal["postgres"] = Field(description="PostgreSQL.")
    host: Host = Field(description="Host name or address.")
    port: Port = Field(default=5432, description="TCP port.")
    user: Setting = Field(description="Role that logs in.")
    password: Secret | None = Field(default=None, description="The role's password.")
    database: Setting = Field(description="Database.")
