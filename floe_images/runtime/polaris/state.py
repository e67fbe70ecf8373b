"""What a Polaris server holds of what floe.yaml names, as values; desired and observed ones are of the same types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from floe_images.artifacts.model import Reference

#: Polaris' words of a storage configuration but ``storageType`` and ``allowedLocations``, sorted.
Storage = tuple[tuple[str, "str | bool"], ...]


@dataclass(frozen=True, kw_only=True)
class CatalogState:
    """``allowed`` and ``properties`` are sorted, ``location`` is no property. ``version`` is the server's count."""

    name: str
    kind: str = "INTERNAL"
    location: str
    allowed: tuple[str, ...]
    storage_type: str
    storage: Storage
    properties: tuple[tuple[str, str], ...]
    version: int | None = None


@dataclass(frozen=True, kw_only=True)
class CatalogRoleState:
    """``privileges`` on the whole catalog, sorted."""

    catalog: str
    name: str
    privileges: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PrincipalRoleState:
    """``catalog_roles`` are pairs of catalog and role, sorted; of catalogs that floe.yaml names."""

    name: str
    catalog_roles: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class PrincipalState:
    """``secret`` is the name of the file that its credential belongs to.

    ``credential`` is ``kept`` where that file has it, ``missing`` where the file has none, ``refused`` where what the
    file has is not this principal's.
    """

    name: str
    roles: tuple[str, ...]
    secret: str
    credential: Literal["kept", "missing", "refused"]


@dataclass(frozen=True, kw_only=True)
class PolarisState:
    """Everything in order of its names. What is not there is left out."""

    catalogs: tuple[CatalogState, ...] = ()
    catalog_roles: tuple[CatalogRoleState, ...] = ()
    principal_roles: tuple[PrincipalRoleState, ...] = ()
    principals: tuple[PrincipalState, ...] = ()

    def catalog(self, name: str) -> CatalogState | None:
        return next((each for each in self.catalogs if each.name == name), None)

    def catalog_role(self, catalog: str, name: str) -> CatalogRoleState | None:
        return next((each for each in self.catalog_roles if (each.catalog, each.name) == (catalog, name)), None)

    def principal_role(self, name: str) -> PrincipalRoleState | None:
        return next((each for each in self.principal_roles if each.name == name), None)

    def principal(self, name: str) -> PrincipalState | None:
        return next((each for each in self.principals if each.name == name), None)


@dataclass(frozen=True, kw_only=True)
class Server:
    """One Polaris, or one realm of it. ``setting`` is where floe.yaml names it; ``credential`` None: it asks for none.

    ``catalog_uri`` ends in ``/api/catalog``, ``management_uri`` in ``/api/management/v1``.
    """

    setting: str
    catalog_uri: str
    management_uri: str
    realm: str | None
    credential: Reference | None
    scope: str


@dataclass(frozen=True, kw_only=True)
class Desired:
    """What floe.yaml asks of one server."""

    server: Server
    state: PolarisState
