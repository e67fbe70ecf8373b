"""Targets in the cloud: Snowflake, BigQuery, Redshift and Databricks, with every way to prove who one is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from floe_images.spec.targets import AnyTarget, SslMode
from floe_images.spec.unions import one_of
from floe_images.spec.values import Host, Name, Port, Secret, Setting, Strict, Url


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


class IamAuth(Strict):
    """AWS IAM: a temporary password from the credentials that the environment offers."""

    method: Literal["iam"] = Field(description="A temporary password from AWS IAM.")
    region: Setting | None = Field(default=None, description="AWS region.")
    cluster_id: Setting | None = Field(default=None, description="Cluster identifier; none for serverless.")
    profile: Setting | None = Field(default=None, description="Profile of the AWS configuration.")


class TokenAuth(Strict):
    """A personal access token."""

    method: Literal["token"] = Field(description="A personal access token.")
    token: Secret = Field(description="The token.")


class ClientAuth(Strict):
    """OAuth of a service principal."""

    method: Literal["oauth"] = Field(description="OAuth of a service principal.")
    client_id: Setting = Field(description="The service principal's client id.")
    client_secret: Secret = Field(description="The service principal's OAuth secret.")


if TYPE_CHECKING:
    SnowflakeAuth = PasswordAuth | KeyPairAuth | OAuthTokenAuth
    BigQueryAuth = ServiceAccountAuth | ApplicationDefaultAuth | WorkloadIdentityAuth
    RedshiftAuth = PasswordAuth | IamAuth
    DatabricksAuth = TokenAuth | ClientAuth
else:
    SnowflakeAuth = one_of(
        "method",
        password="warehouses:PasswordAuth",  # noqa: S106  a word of floe.yaml, as below
        key_pair="warehouses:KeyPairAuth",
        oauth="warehouses:OAuthTokenAuth",
    )
    BigQueryAuth = one_of(
        "method",
        service_account="warehouses:ServiceAccountAuth",
        application_default="warehouses:ApplicationDefaultAuth",
        workload_identity="warehouses:WorkloadIdentityAuth",
    )
    RedshiftAuth = one_of("method", password="warehouses:PasswordAuth", iam="warehouses:IamAuth")  # noqa: S106
    DatabricksAuth = one_of("method", token="warehouses:TokenAuth", oauth="warehouses:ClientAuth")  # noqa: S106


class SnowflakeTarget(AnyTarget):
    """Snowflake."""

    adapter: Literal["snowflake"] = Field(description="Snowflake.")
    account: Host = Field(description="Account identifier.")
    user: Setting = Field(description="User.")
    auth: SnowflakeAuth = Field(description="How the user proves who it is.")
    role: Setting | None = Field(default=None, description="Role.")
    warehouse: Setting = Field(description="Virtual warehouse that computes.")
    database: Setting = Field(description="Database.")
    schema_name: Name = Field(alias="schema", description="Schema that models are made in.")
    host: Host | None = Field(default=None, description="Host name, where it is not made from the account.")


class BigQueryTarget(AnyTarget):
    """BigQuery."""

    adapter: Literal["bigquery"] = Field(description="BigQuery.")
    project: Setting = Field(description="Google Cloud project.")
    dataset: Setting = Field(description="Dataset that models are made in.")
    location: Setting | None = Field(default=None, description="Location of the dataset, such as EU.")
    auth: BigQueryAuth = Field(description="How the job proves who it is.")
    execution_project: Setting | None = Field(default=None, description="Project that is billed.")
    impersonate_service_account: Setting | None = Field(default=None, description="Service account to act as.")
    api_endpoint: Url | None = Field(default=None, description="Another API endpoint.")


class RedshiftTarget(AnyTarget):
    """Redshift."""

    adapter: Literal["redshift"] = Field(description="Redshift.")
    host: Host = Field(description="Host name.")
    port: Port = Field(default=5439, description="TCP port.")
    user: Setting = Field(description="Database user.")
    auth: RedshiftAuth = Field(description="How the user proves who it is.")
    database: Setting = Field(description="Database.")
    schema_name: Name = Field(alias="schema", description="Schema that models are made in.")
    sslmode: SslMode = Field(default="prefer", description="libpq's sslmode.")


class DatabricksTarget(AnyTarget):
    """Databricks."""

    adapter: Literal["databricks"] = Field(description="Databricks.")
    host: Host = Field(description="Host name of the workspace.")
    http_path: Setting = Field(description="HTTP path of the SQL warehouse or cluster.")
    auth: DatabricksAuth = Field(description="How the job proves who it is.")
    catalog: Setting | None = Field(default=None, description="Unity catalog.")
    schema_name: Name = Field(alias="schema", description="Schema that models are made in.")
    table_format: Literal["iceberg"] = Field(default="iceberg", description="Format of tables: Apache Iceberg.")
