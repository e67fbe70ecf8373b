"""A catalog of floe.yaml → what DuckDB attaches it with, where DuckDB can.

https://duckdb.org/docs/stable/core_extensions/iceberg/iceberg_rest_catalogs
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from floe_images.artifacts.model import CatalogArtifact
from floe_images.runtime.catalogs.client import token_uri
from floe_images.runtime.catalogs.lookup import Lookup, Properties, storage_type


@dataclass(frozen=True, kw_only=True)
class DuckDBSecret:
    """``CREATE SECRET name (TYPE type, …options)``."""

    name: str
    type: str
    options: Properties


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """``ATTACH path AS "name" (TYPE iceberg, …options)``, once the secrets are there."""

    name: str
    path: str
    secrets: tuple[DuckDBSecret, ...]
    options: Properties

    @property
    def encrypted(self) -> bool:
        """Whether the catalog or its storage is spoken to with TLS."""
        endpoint = self.options.get("endpoint", "")
        return endpoint.startswith("https:") or any(each.options.get("use_ssl") == "true" for each in self.secrets)

    def statements(self) -> Iterator[str]:
        """SQL, with the secrets' values in it, for a connection that finds the extensions httpfs, avro and iceberg."""
        for each in self.secrets:
            options = "".join(f", {name} {_quoted(value)}" for name, value in each.options.items())
            yield f"create or replace secret {each.name} (type {each.type}{options})"
        options = "".join(f", {name} {_quoted(value)}" for name, value in self.options.items())
        yield f'attach {_quoted(self.path)} as "{self.name}" (type iceberg{options})'


def can_attach(catalog: CatalogArtifact) -> bool:
    """Whether DuckDB, with the extensions that floe brings, reads and writes such a catalog itself.

    It knows the REST protocol only. GCS takes its own kind of key there, and Azure an extension that is no wheel.
    """
    return catalog.type in ("polaris", "rest") and storage_type(catalog) in (None, "s3", "local")


def duckdb(catalog: CatalogArtifact, lookup: Lookup) -> Attachment | None:
    """None where DuckDB cannot attach it. Raise ProjectError."""
    if not can_attach(catalog):
        return None
    login = _login(catalog, lookup)
    storage = _storage(catalog, lookup)
    return Attachment(
        name=catalog.name,
        path=lookup.text(catalog, "warehouse") or "",
        secrets=tuple(each for each in (login, storage) if each),
        options=Properties(
            {
                "endpoint": lookup.text(catalog, "uri"),
                "secret": login.name if login else None,
                "authorization_type": None if login else "none",
                # Left out, it asks for vended credentials, and an answer without any shadows the storage's own secret.
                "access_delegation_mode": None if storage_type(catalog) is None else "none",
                "stage_create_tables": "false" if _made_at_once(catalog) else None,
            }
        ),
    )


def _made_at_once(catalog: CatalogArtifact) -> bool:
    """Polaris' staged tables need credentials that it vends; and DuckDB makes no folders: a server makes a table's."""
    return catalog.type == "polaris" or storage_type(catalog) == "local"


def _login(catalog: CatalogArtifact, lookup: Lookup) -> DuckDBSecret | None:
    token, pair = lookup.text(catalog, "token"), lookup.pair(catalog, "credential")
    if token is None and pair is None:
        return None
    public = {
        "oauth2_scope": lookup.text(catalog, "scope") if pair else None,
        "oauth2_server_uri": token_uri(catalog, lookup),
    }
    hidden = {"client_id": pair[0], "client_secret": pair[1]} if pair else {"token": token or ""}
    return DuckDBSecret(name="floe_catalog", type="iceberg", options=Properties(public, hidden))


def _storage(catalog: CatalogArtifact, lookup: Lookup) -> DuckDBSecret | None:
    """https://duckdb.org/docs/stable/core_extensions/httpfs/s3api"""
    if storage_type(catalog) != "s3":
        return None

    def text(key: str) -> str | None:
        return lookup.text(catalog, "storage", key)

    address = urlsplit(text("endpoint") or "")
    return DuckDBSecret(
        name="floe_storage",
        type="s3",
        options=Properties(
            {
                "key_id": text("access_key_id"),
                "region": text("region"),
                "endpoint": f"{address.netloc}{address.path}".rstrip("/") or None,
                "use_ssl": None if not address.scheme else str(address.scheme == "https").lower(),
                "url_style": "path" if text("path_style") == "true" else None,
            },
            {"secret": text("secret_access_key"), "session_token": text("session_token")},
        ),
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
