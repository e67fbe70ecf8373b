"""A catalog of floe.yaml → PyIceberg's properties.

https://py.iceberg.apache.org/configuration/
"""

from __future__ import annotations

from collections.abc import Callable

from floe_images.artifacts.model import CatalogArtifact
from floe_images.errors import ProjectError
from floe_images.runtime.catalogs.lookup import Lookup, Properties, storage_type

SQLITE = "catalog.sqlite"
_FSSPEC = "pyiceberg.io.fsspec.FsspecFileIO"


def pyiceberg(catalog: CatalogArtifact, lookup: Lookup) -> Properties:
    """What ``pyiceberg.catalog.load_catalog(catalog.name, **properties)`` needs. Raise ProjectError."""
    found = _CATALOGS[catalog.type](catalog, lookup)
    kind = storage_type(catalog)
    return found if kind is None else found.joined(_STORAGES[kind](catalog, lookup))


def token_uri(catalog: CatalogArtifact, lookup: Lookup) -> str | None:
    """Where tokens are given; None where nobody asks for one.

    Both clients would make it from ``uri`` and warn that this is a guess.
    """
    if lookup.text(catalog, "credential") is None:
        return None
    given = lookup.text(catalog, "oauth2_server_uri")
    return given or f"{(lookup.text(catalog, 'uri') or '').rstrip('/')}/v1/oauth/tokens"


def _rest(catalog: CatalogArtifact, lookup: Lookup) -> Properties:
    """Polaris and any other. Without credentials of one's own for the storage the catalog is asked for some."""
    return Properties(
        {
            "type": "rest",
            "uri": lookup.text(catalog, "uri"),
            "warehouse": lookup.text(catalog, "warehouse"),
            "scope": lookup.text(catalog, "scope"),
            "oauth2-server-uri": token_uri(catalog, lookup),
            "header.Polaris-Realm": lookup.text(catalog, "realm"),
            # PyIceberg asks for vended credentials unless this is set and empty; a store without STS has none.
            "header.X-Iceberg-Access-Delegation": None if storage_type(catalog) is None else "",
        },
        {"credential": lookup.text(catalog, "credential"), "token": lookup.text(catalog, "token")},
    )


def _hive(catalog: CatalogArtifact, lookup: Lookup) -> Properties:
    return Properties(
        {"type": "hive", "uri": lookup.text(catalog, "uri"), "warehouse": lookup.text(catalog, "warehouse")}
    )


def _glue(catalog: CatalogArtifact, lookup: Lookup) -> Properties:
    return Properties(
        {
            "type": "glue",
            "glue.region": lookup.text(catalog, "region"),
            "glue.id": lookup.text(catalog, "catalog_id"),
            "glue.access-key-id": lookup.text(catalog, "access_key_id"),
            "glue.endpoint": lookup.text(catalog, "endpoint"),
            "warehouse": lookup.text(catalog, "warehouse") or lookup.text(catalog, "storage", "location"),
        },
        {"glue.secret-access-key": lookup.text(catalog, "secret_access_key")},
    )


def _local(catalog: CatalogArtifact, lookup: Lookup) -> Properties:
    folder = lookup.places.moved(lookup.text(catalog, "warehouse") or "")
    return Properties(
        {
            "type": "sql",
            "uri": f"sqlite:///{folder}/{SQLITE}",
            "warehouse": lookup.text(catalog, "storage", "location") or f"file://{folder}",
        }
    )


def _s3(catalog: CatalogArtifact, lookup: Lookup) -> Properties:
    def text(key: str) -> str | None:
        return lookup.text(catalog, "storage", key)

    virtual = text("path_style") != "true"
    return Properties(
        {
            "s3.endpoint": text("endpoint"),
            "s3.region": text("region"),
            "s3.access-key-id": text("access_key_id"),
            "s3.role-arn": text("role_arn"),
            "s3.force-virtual-addressing": str(virtual).lower() if text("endpoint") else None,
        },
        {"s3.secret-access-key": text("secret_access_key"), "s3.session-token": text("session_token")},
    )


def _gcs(catalog: CatalogArtifact, lookup: Lookup) -> Properties:
    """gcsfs reads a service account's key from its file. A store that is not Google's asks for none."""
    endpoint = lookup.text(catalog, "storage", "endpoint")
    key = lookup.file(catalog, "storage", "credentials")
    return Properties(
        {
            "py-io-impl": _FSSPEC,
            "gcs.project-id": lookup.text(catalog, "storage", "project"),
            "gcs.oauth2.token": key or ("anon" if endpoint else None),
            "gcs.service.host": endpoint,
        }
    )


def _azure(catalog: CatalogArtifact, lookup: Lookup) -> Properties:
    def text(key: str) -> str | None:
        return lookup.text(catalog, "storage", key)

    key, endpoint = text("account_key"), text("endpoint")
    account = f"AccountName={text('account')};AccountKey={key};BlobEndpoint={endpoint}"
    scheme = f"DefaultEndpointsProtocol={(endpoint or '').partition(':')[0]}"
    return Properties(
        {
            "py-io-impl": _FSSPEC,
            "adls.account-name": text("account"),
            "adls.tenant-id": text("tenant_id"),
            "adls.client-id": text("client_id"),
        },
        {
            # https://learn.microsoft.com/en-us/azure/storage/common/storage-configure-connection-string
            "adls.connection-string": f"{scheme};{account}" if key and endpoint else None,
            "adls.account-key": key,
            "adls.sas-token": text("sas_token"),
            "adls.client-secret": text("client_secret"),
        },
    )


def _folder(catalog: CatalogArtifact, lookup: Lookup) -> Properties:
    """A catalog that decides itself where tables lie keeps its own ``warehouse``."""
    if catalog.type != "local":
        return Properties({})
    path = lookup.text(catalog, "storage", "path")
    if path is None:
        raise ProjectError(f"catalogs.{catalog.name}.storage.path is missing")
    return Properties({"warehouse": f"file://{lookup.places.moved(path)}"})


_CATALOGS: dict[str, Callable[[CatalogArtifact, Lookup], Properties]] = {
    "polaris": _rest,
    "rest": _rest,
    "hive": _hive,
    "glue": _glue,
    "local": _local,
}
_STORAGES: dict[str, Callable[[CatalogArtifact, Lookup], Properties]] = {
    "s3": _s3,
    "gcs": _gcs,
    "azure": _azure,
    "local": _folder,
}
