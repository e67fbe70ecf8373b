"""``catalogs``: Apache Iceberg catalogs and the storage that their tables lie in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from floe_images.spec.unions import one_of
from floe_images.spec.values import Line, Secret, Setting, StatePath, Strict, Url, matching


class S3Storage(Strict):
    """Amazon S3, or a store that speaks its protocol."""

    type: Literal["s3"] = Field(description="S3 or compatible.")
    location: (
        Annotated[str, matching(r"s3a?://[A-Za-z0-9._-]+(?:/[ -~]*)?", "a location such as s3://bucket/prefix")] | None
    ) = Field(default=None, description="Where tables lie; none where the catalog decides.")
    endpoint: Url | None = Field(default=None, description="Address of a store that is not Amazon's.")
    region: Setting | None = Field(default=None, description="Region.")
    path_style: bool = Field(default=False, description="Put the bucket into the path, not into the host name.")
    access_key_id: Setting | None = Field(default=None, description="Access key id; none: what the environment offers.")
    secret_access_key: Secret | None = Field(default=None, description="Secret access key.")
    session_token: Secret | None = Field(default=None, description="Session token.")
    role_arn: Setting | None = Field(default=None, description="Role to assume.")


class GcsStorage(Strict):
    """Google Cloud Storage."""

    type: Literal["gcs"] = Field(description="Google Cloud Storage.")
    location: (
        Annotated[str, matching(r"gs://[A-Za-z0-9._-]+(?:/[ -~]*)?", "a location such as gs://bucket/prefix")] | None
    ) = Field(default=None, description="Where tables lie; none where the catalog decides.")
    project: Setting | None = Field(default=None, description="Google Cloud project.")
    credentials: Secret | None = Field(default=None, description="Service account key, JSON; none: the default ones.")
    endpoint: Url | None = Field(default=None, description="Address of a store that is not Google's.")


class AzureStorage(Strict):
    """Azure Blob Storage or Data Lake Storage."""

    type: Literal["azure"] = Field(description="Azure storage.")
    location: (
        Annotated[
            str,
            matching(
                r"(?:abfss?|wasbs?|az)://[A-Za-z0-9-]+(?:@[A-Za-z0-9.-]+)?(?:/[A-Za-z0-9 ._/=-]*)?",
                "a location such as abfss://…",
            ),
        ]
        | None
    ) = Field(default=None, description="Where tables lie; none where the catalog decides.")
    account: Setting = Field(description="Storage account.")
    account_key: Secret | None = Field(default=None, description="The account's key.")
    sas_token: Secret | None = Field(default=None, description="Shared access signature.")
    tenant_id: Setting | None = Field(default=None, description="Tenant of the service principal.")
    client_id: Setting | None = Field(default=None, description="Client id of the service principal.")
    client_secret: Secret | None = Field(default=None, description="Secret of the service principal.")


class LocalStorage(Strict):
    """A folder of the state volume."""

    type: Literal["local"] = Field(description="A folder.")
    path: StatePath = Field(description="The folder, under /var/lib/floe.")


if TYPE_CHECKING:
    Storage = S3Storage | GcsStorage | AzureStorage | LocalStorage
else:
    Storage = one_of(
        "type",
        s3="catalogs:S3Storage",
        gcs="catalogs:GcsStorage",
        azure="catalogs:AzureStorage",
        local="catalogs:LocalStorage",
    )


class PolarisCatalog(Strict):
    """Apache Polaris."""

    type: Literal["polaris"] = Field(description="Apache Polaris.")
    uri: Url = Field(description="Address of the Iceberg REST API, such as http://polaris:8181/api/catalog.")
    warehouse: Setting = Field(description="Polaris' name of the catalog.")
    credential: Secret = Field(description="Client id and secret as one text, ID:SECRET.")
    scope: Line = Field(default="PRINCIPAL_ROLE:ALL", description="OAuth2 scope.")
    realm: Setting | None = Field(default=None, description="Realm, where the server has several.")
    storage: Storage | None = Field(default=None, description="Storage; none where the catalog vends credentials.")


class RestCatalog(Strict):
    """Any catalog that speaks the Iceberg REST protocol."""

    type: Literal["rest"] = Field(description="Iceberg REST catalog.")
    uri: Url = Field(description="Address of the Iceberg REST API.")
    warehouse: Setting | None = Field(default=None, description="Name or location of the warehouse.")
    credential: Secret | None = Field(default=None, description="OAuth2 client id and secret as one text, ID:SECRET.")
    token: Secret | None = Field(default=None, description="Bearer token.")
    oauth2_server_uri: Url | None = Field(default=None, description="Address that gives tokens.")
    scope: Line | None = Field(default=None, description="OAuth2 scope.")
    storage: Storage | None = Field(default=None, description="Storage; none where the catalog vends credentials.")


class HiveCatalog(Strict):
    """A Hive metastore."""

    type: Literal["hive"] = Field(description="Hive metastore.")
    uri: Annotated[str, matching(r"thrift://[A-Za-z0-9.:\[\]_-]+", "an address such as thrift://metastore:9083")] = (
        Field(description="Address of the metastore.")
    )
    warehouse: Line | None = Field(default=None, description="Location of the warehouse.")
    storage: Storage = Field(description="Storage that tables lie in.")


class GlueCatalog(Strict):
    """The AWS Glue data catalog."""

    type: Literal["glue"] = Field(description="AWS Glue.")
    region: Setting = Field(description="AWS region.")
    catalog_id: Setting | None = Field(default=None, description="Catalog id, where it is not the account's own.")
    warehouse: Line | None = Field(default=None, description="Location of the warehouse.")
    access_key_id: Setting | None = Field(default=None, description="Access key id; none: what the environment offers.")
    secret_access_key: Secret | None = Field(default=None, description="Secret access key.")
    endpoint: Url | None = Field(default=None, description="Another endpoint.")
    storage: Storage | None = Field(default=None, description="Storage that tables lie in.")


class LocalCatalog(Strict):
    """A catalog in one SQLite file, for a laptop and for tests."""

    type: Literal["local"] = Field(description="SQLite file in the state volume.")
    warehouse: StatePath = Field(description="Folder of the tables, under /var/lib/floe.")
    storage: Storage | None = Field(default=None, description="Storage; a local folder unless it is given.")
