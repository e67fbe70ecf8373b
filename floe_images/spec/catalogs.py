"""``catalogs``: Apache Iceberg catalogs and the storage that their tables lie in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from floe_images.spec.unions import one_of, part
from floe_images.spec.values import Line, Secret, SecretRef, Setting, StatePath, Strict, Url, matching


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
    endpoint: Url | None = Field(
        default=None, description="Address of the account where it is not Microsoft's; needs account_key."
    )


class LocalStorage(Strict):
    """A folder of the state volume."""

    type: Literal["local"] = Field(description="A folder.")
    path: StatePath = Field(description="The folder, under /var/lib/floe.")


if TYPE_CHECKING:
    from floe_images.spec.polaris import ManagedPolaris

    Storage = S3Storage | GcsStorage | AzureStorage | LocalStorage
else:
    Storage = one_of(
        "type",
        s3="catalogs:S3Storage",
        gcs="catalogs:GcsStorage",
        azure="catalogs:AzureStorage",
        local="catalogs:LocalStorage",
    )
    ManagedPolaris = part("polaris:ManagedPolaris")


class PolarisCatalog(Strict):
    """Apache Polaris."""

    type: Literal["polaris"] = Field(description="Apache Polaris.")
    uri: Url = Field(description="Address of the Iceberg REST API, such as http://polaris:8181/api/catalog.")
    warehouse: Setting = Field(description="Polaris' name of the catalog.")
    authentication: Literal["oauth2", "none"] = Field(
        default="oauth2", description="How clients prove who they are; none is for development."
    )
    credential: Secret | None = Field(default=None, description="Client id and secret as one text, ID:SECRET.")
    scope: Line = Field(default="PRINCIPAL_ROLE:ALL", description="OAuth2 scope.")
    realm: Setting | None = Field(default=None, description="Realm, where the server has several.")
    storage: Storage | None = Field(default=None, description="Storage; none where the catalog vends credentials.")
    manage: ManagedPolaris | None = Field(
        default=None, description="What `floe catalog apply` makes there; without it the server is somebody else's."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> PolarisCatalog:
        logs_in = self.authentication == "oauth2"
        if logs_in != (self.credential is not None):
            raise PydanticCustomError(
                "polaris", "needs a credential" if logs_in else "has a credential that authentication none does not use"
            )
        if self.manage is None:
            return self
        if logs_in != (self.manage.credential is not None):
            raise PydanticCustomError(
                "polaris",
                "manage needs a credential, such as root's"
                if logs_in
                else "manage has a credential that authentication none does not use",
            )
        if self.storage is None or not (self.manage.location or _location(self.storage)):
            raise PydanticCustomError("polaris", "is managed, and so must have a storage with a location")
        if isinstance(self.storage, AzureStorage) and self.storage.tenant_id is None:
            raise PydanticCustomError("polaris", "is managed, and so its storage must have a tenant_id")
        if logs_in and self.manage.principals is None and not isinstance(self.credential, SecretRef):
            raise PydanticCustomError(
                "polaris", "is managed, and so its credential must be a secret, a file that is written to"
            )
        return self


def _location(storage: Storage) -> str | None:
    return storage.path if isinstance(storage, LocalStorage) else storage.location


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
