"""``targets``: where dbt's SQL runs, one model for each adapter, with every way to prove who one is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from floe_images.spec.values import Name, OneOf, Port, Secret, Setting, Size, StatePath, Strict, Url

Adapter = Literal["duckdb", "postgres", "snowflake", "bigquery", "redshift", "databricks"]
SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


class _Target(Strict):
    threads: int = Field(default=4, ge=1, le=64, description="How many models dbt runs at the same time.")


class DuckDBTarget(_Target):
    """A DuckDB file in the state volume."""

    adapter: Literal["duckdb"] = Field(description="DuckDB, embedded.")
    path: StatePath = Field(description="The database file, under /var/lib/floe (kept) or /tmp (lost at the end).")
    schema_name: Name = Field(default="main", alias="schema", description="Schema that models are made in.")
    memory_limit: Size | None = Field(default=None, description="Most memory that DuckDB takes, such as 1GB.")


class PostgresTarget(_Target):
    """A PostgreSQL server."""

    adapter: Literal["postgres"] = Field(description="PostgreSQL.")
    host: Setting = Field(description="Host name or address.")
    port: Port = Field(default=5432, description="TCP port.")
    user: Setting = Field(description="Role that logs in.")
    password: Secret | None = Field(default=None, description="The role's password; none for a server that asks none.")
    database: Setting = Field(description="Database.")
    schema_name: Name = Field(default="public", alias="schema", description="Schema that models are made in.")
    sslmode: SslMode = Field(default="prefer", description="libpq's sslmode.")
    sslrootcert: Setting | None = Field(default=None, description="File with the certificates of the server's CA.")


class PasswordAuth(Strict):
    """A password."""

    method: Literal["password"] = Field(description="Log in with a password.")
    password: Secret = Field(description="The password.")


class KeyPairAuth(Strict):
    """An RSA key pair."""

    method: Literal["key_pair"] = Field(description="Log in with a key pair.")
    private_key: Secret = Field(description="The private key, PEM.")
    passphrase: Secret | None = Field(default=None, description="The key's passphrase.")


class OAuthTokenAuth(Strict):
    """OAuth: an access token, or a refresh token with the client's id and secret."""

    method: Literal["oauth"] = Field(description="Log in with OAuth.")
    token: Secret = Field(description="Access token, or refresh token where client_id and client_secret are given.")
    client_id: Setting | None = Field(default=None, description="The client's id.")
    client_secret: Secret | None = Field(default=None, description="The client's secret.")


class SnowflakeTarget(_Target):
    """Snowflake."""

    adapter: Literal["snowflake"] = Field(description="Snowflake.")
    account: Setting = Field(description="Account identifier.")
    user: Setting = Field(description="User.")
    auth: Annotated[
        PasswordAuth | KeyPairAuth | OAuthTokenAuth,
        OneOf("method", password=PasswordAuth, key_pair=KeyPairAuth, oauth=OAuthTokenAuth),
    ] = Field(description="How the user proves who it is.")
    role: Setting | None = Field(default=None, description="Role.")
    warehouse: Setting = Field(description="Virtual warehouse that computes.")
    database: Setting = Field(description="Database.")
    schema_name: Name = Field(alias="schema", description="Schema that models are made in.")
    host: Setting | None = Field(default=None, description="Host name, where it is not made from the account.")


class ServiceAccountAuth(Strict):
    """A Google service account's key."""

    method: Literal["service_account"] = Field(description="A service account's key.")
    key: Secret = Field(description="The key file's content, JSON.")


class ApplicationDefaultAuth(Strict):
    """Google's application default credentials."""

    method: Literal["application_default"] = Field(description="Application default credentials.")


class WorkloadIdentityAuth(Strict):
    """Google workload identity."""

    method: Literal["workload_identity"] = Field(description="Workload identity.")
    credential_config: Setting | None = Field(
        default=None,
        description="Path of an external_account credential configuration; without it the metadata server is asked.",
    )


class BigQueryTarget(_Target):
    """BigQuery."""

    adapter: Literal["bigquery"] = Field(description="BigQuery.")
    project: Setting = Field(description="Google Cloud project.")
    dataset: Setting = Field(description="Dataset that models are made in.")
    location: Setting | None = Field(default=None, description="Location of the dataset, such as EU.")
    auth: Annotated[
        ServiceAccountAuth | ApplicationDefaultAuth | WorkloadIdentityAuth,
        OneOf(
            "method",
            service_account=ServiceAccountAuth,
            application_default=ApplicationDefaultAuth,
            workload_identity=WorkloadIdentityAuth,
        ),
    ] = Field(description="How the job proves who it is.")
    execution_project: Setting | None = Field(default=None, description="Project that is billed.")
    impersonate_service_account: Setting | None = Field(default=None, description="Service account to act as.")
    api_endpoint: Url | None = Field(default=None, description="Another API endpoint.")


class IamAuth(Strict):
    """AWS IAM: a temporary password from the credentials that the environment offers."""

    method: Literal["iam"] = Field(description="A temporary password from AWS IAM.")
    region: Setting | None = Field(default=None, description="AWS region.")
    cluster_id: Setting | None = Field(default=None, description="Cluster identifier; none for serverless.")
    profile: Setting | None = Field(default=None, description="Profile of the AWS configuration.")


class RedshiftTarget(_Target):
    """Redshift."""

    adapter: Literal["redshift"] = Field(description="Redshift.")
    host: Setting = Field(description="Host name.")
    port: Port = Field(default=5439, description="TCP port.")
    user: Setting = Field(description="Database user.")
    auth: Annotated[PasswordAuth | IamAuth, OneOf("method", password=PasswordAuth, iam=IamAuth)] = Field(
        description="How the user proves who it is."
    )
    database: Setting = Field(description="Database.")
    schema_name: Name = Field(alias="schema", description="Schema that models are made in.")
    sslmode: SslMode = Field(default="prefer", description="libpq's sslmode.")


class TokenAuth(Strict):
    """A personal access token."""

    method: Literal["token"] = Field(description="A personal access token.")
    token: Secret = Field(description="The token.")


class ClientAuth(Strict):
    """OAuth of a service principal."""

    method: Literal["oauth"] = Field(description="OAuth of a service principal.")
    client_id: Setting = Field(description="The service principal's client id.")
    client_secret: Secret = Field(description="The service principal's OAuth secret.")


class DatabricksTarget(_Target):
    """Databricks."""

    adapter: Literal["databricks"] = Field(description="Databricks.")
    host: Setting = Field(description="Host name of the workspace.")
    http_path: Setting = Field(description="HTTP path of the SQL warehouse or cluster.")
    auth: Annotated[TokenAuth | ClientAuth, OneOf("method", token=TokenAuth, oauth=ClientAuth)] = Field(
        description="How the job proves who it is."
    )
    catalog: Setting | None = Field(default=None, description="Unity catalog.")
    schema_name: Name = Field(alias="schema", description="Schema that models are made in.")
    table_format: Literal["iceberg"] = Field(default="iceberg", description="Format of tables: Apache Iceberg.")


Target = Annotated[
    DuckDBTarget | PostgresTarget | SnowflakeTarget | BigQueryTarget | RedshiftTarget | DatabricksTarget,
    OneOf(
        "adapter",
        duckdb=DuckDBTarget,
        postgres=PostgresTarget,
        snowflake=SnowflakeTarget,
        bigquery=BigQueryTarget,
        redshift=RedshiftTarget,
        databricks=DatabricksTarget,
    ),
]
