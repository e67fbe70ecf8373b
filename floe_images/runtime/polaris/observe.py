"""Asks a Polaris what it holds of what floe.yaml names. Only reads."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from floe_images.runtime.polaris.client import PolarisClient
from floe_images.runtime.polaris.desired import STORAGE_WORDS
from floe_images.runtime.polaris.kept import Kept
from floe_images.runtime.polaris.state import (
    CatalogRoleState,
    CatalogState,
    PolarisState,
    PrincipalRoleState,
    PrincipalState,
)


def observe(client: PolarisClient, desired: PolarisState, kept: Kept) -> PolarisState:
    """``desired`` says what is looked at; what is not there is left out. Raise InfrastructureError, DiskError."""
    catalogs = tuple(_catalogs(client, desired))
    there = {each.name for each in catalogs}
    return PolarisState(
        catalogs=catalogs,
        catalog_roles=tuple(_catalog_roles(client, desired, there)),
        principal_roles=tuple(_principal_roles(client, desired, there)),
        principals=tuple(_principals(client, desired, kept)),
    )


def _catalogs(client: PolarisClient, desired: PolarisState) -> Iterator[CatalogState]:
    for wanted in desired.catalogs:
        found = client.read(f"the catalog {wanted.name}", partial(client.api.get_catalog, wanted.name))
        if found is not None:
            yield catalog_state(found)


def catalog_state(found: Any) -> CatalogState:
    """The client's model as a value."""
    storage = found.storage_config_info.to_dict()
    location = found.properties.default_base_location
    return CatalogState(
        name=found.name,
        kind=found.type,
        location=location,
        # Some versions append the base location to these, others do not: it is allowed in any case.
        allowed=tuple(sorted({location, *(storage.get("allowedLocations") or ())})),
        storage_type=storage["storageType"],
        storage=tuple(sorted((word, storage[word]) for word in STORAGE_WORDS & storage.keys() if storage[word])),
        properties=tuple(sorted((key, str(value)) for key, value in found.properties.additional_properties.items())),
        version=found.entity_version,
    )


def _catalog_roles(client: PolarisClient, desired: PolarisState, there: set[str]) -> Iterator[CatalogRoleState]:
    for wanted in desired.catalog_roles:
        if wanted.catalog not in there:
            continue
        what = f"the role {wanted.name} of the catalog {wanted.catalog}"
        if client.read(what, partial(client.api.get_catalog_role, wanted.catalog, wanted.name)) is None:
            continue
        grants: Any = client.read(
            f"the grants of {what}", partial(client.api.list_grants_for_catalog_role, wanted.catalog, wanted.name)
        )
        yield CatalogRoleState(
            catalog=wanted.catalog,
            name=wanted.name,
            # Grants on namespaces, tables and views are not floe.yaml's: they are left alone.
            privileges=tuple(
                sorted(each.privilege.value for each in _list(grants, "grants") if each.type == "catalog")
            ),
        )


def _principal_roles(client: PolarisClient, desired: PolarisState, there: set[str]) -> Iterator[PrincipalRoleState]:
    for wanted in desired.principal_roles:
        what = f"the principal role {wanted.name}"
        if client.read(what, partial(client.api.get_principal_role, wanted.name)) is None:
            continue
        pairs = []
        for catalog in sorted(there):
            roles: Any = client.read(
                f"the roles of {what}",
                partial(client.api.list_catalog_roles_for_principal_role, wanted.name, catalog),
            )
            pairs += [(catalog, each.name) for each in _list(roles, "roles")]
        yield PrincipalRoleState(name=wanted.name, catalog_roles=tuple(sorted(pairs)))


def _principals(client: PolarisClient, desired: PolarisState, kept: Kept) -> Iterator[PrincipalState]:
    for wanted in desired.principals:
        what = f"the principal {wanted.name}"
        found: Any = client.read(what, partial(client.api.get_principal, wanted.name))
        if found is None:
            continue
        roles: Any = client.read(f"the roles of {what}", partial(client.api.list_principal_roles_assigned, wanted.name))
        yield PrincipalState(
            name=wanted.name,
            roles=tuple(sorted(each.name for each in _list(roles, "roles"))),
            secret=wanted.secret,
            credential=_credential(client, found.client_id, kept.find(wanted.secret)),
        )


def _credential(client: PolarisClient, client_id: str | None, kept: tuple[str, str] | None) -> Any:
    if kept is None:
        return "missing"
    if client_id is not None and kept[0] != client_id:
        return "refused"
    # Where nobody logs in, nobody can say whether the secret is right, and nobody asks.
    return "kept" if client.server.credential is None or client.accepts(*kept) else "refused"


def _list(answer: Any, name: str) -> list[Any]:
    return list(getattr(answer, name) or ()) if answer is not None else []
