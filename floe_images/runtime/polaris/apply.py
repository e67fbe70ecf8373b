"""Makes the changes, one request each, and looks again until nothing differs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from floe_images.errors import InfrastructureError
from floe_images.runtime.polaris.changes import (
    AssignCatalogRole,
    AssignPrincipalRole,
    Change,
    CreateCatalog,
    CreateCatalogRole,
    CreatePrincipal,
    CreatePrincipalRole,
    Grant,
    ResetCredential,
    Revoke,
    RevokeCatalogRole,
    RevokePrincipalRole,
    UpdateCatalog,
)
from floe_images.runtime.polaris.client import LookAgain, PolarisClient
from floe_images.runtime.polaris.desired import STORAGE_WORDS
from floe_images.runtime.polaris.difference import difference
from floe_images.runtime.polaris.kept import Kept
from floe_images.runtime.polaris.observe import observe
from floe_images.runtime.polaris.state import CatalogState, PolarisState

_ROUNDS = 6
_PAUSE, _LONGEST_PAUSE = 0.2, 2.0  # seconds, twice as long after each round


def apply(
    client: PolarisClient,
    desired: PolarisState,
    kept: Kept,
    *,
    tell: Callable[[Change], None],
    again: Callable[[str], None],
    pause: Callable[[float], None],
) -> int:
    """Make the server hold ``desired``; how many changes that took. Each is told when it has been made.

    ``again`` is told why it is looked at again: somebody else changes it too, or an answer was lost. To be called by
    one process at a time for each secrets folder. Raise InfrastructureError, ProjectError, DiskError, DiskFullError.
    """
    made, reason = 0, ""
    written: set[str] = set()  # principals whose credential has been written here
    for round_ in range(_ROUNDS):
        changes = difference(desired, observe(client, desired, kept))
        if not changes:
            return made
        for change in changes:
            if isinstance(change, CreatePrincipal | ResetCredential):
                if change.principal in written:  # to reset it again would go on for ever, and so would the other one
                    raise InfrastructureError(
                        f"somebody else has reset the credential of the principal {change.principal} meanwhile",
                        hint="two that keep secrets of one principal void each other's: copy the secret, or name two",
                    )
                kept.check(change.secret)
        try:
            for change in changes:
                _make(client, change, kept)
                made += 1
                if isinstance(change, CreatePrincipal | ResetCredential):
                    written.add(change.principal)
                tell(change)
        except LookAgain as why:
            reason = str(why)
            again(reason)
            pause(min(_PAUSE * 2**round_, _LONGEST_PAUSE))
    left = difference(desired, observe(client, desired, kept))
    if not left:
        return made
    raise InfrastructureError(
        f"Polaris at {client.server.management_uri} does not come to hold what floe.yaml says; left is: {left[0]}",
        hint=f"the last answer was: {reason}" if reason else "somebody else changes it at the same time",
    )


def _make(client: PolarisClient, change: Change, kept: Kept) -> None:
    import apache_polaris.sdk.management as sdk

    api = client.api
    if isinstance(change, CreatePrincipal | ResetCredential):
        _credential(client, change, kept)
        return
    request: Callable[..., Any]
    if isinstance(change, CreateCatalog):
        catalog = sdk.Catalog.from_dict(
            {
                "type": change.catalog.kind,
                "name": change.catalog.name,
                "properties": _properties(change.catalog),
                "storageConfigInfo": _storage(change.catalog, {}),
            }
        )
        request = partial(api.create_catalog, sdk.CreateCatalogRequest(catalog=catalog))
    elif isinstance(change, UpdateCatalog):
        request = partial(api.update_catalog, change.catalog.name, _update(client, change, sdk))
    elif isinstance(change, CreateCatalogRole):
        body = sdk.CreateCatalogRoleRequest(catalog_role=sdk.CatalogRole(name=change.role))
        request = partial(api.create_catalog_role, change.catalog, body)
    elif isinstance(change, Grant):
        body = sdk.AddGrantRequest(grant=_grant(change.privilege, sdk))
        request = partial(api.add_grant_to_catalog_role, change.catalog, change.role, body)
    elif isinstance(change, Revoke):
        body = sdk.RevokeGrantRequest(grant=_grant(change.privilege, sdk))
        request = partial(api.revoke_grant_from_catalog_role, change.catalog, change.role, revoke_grant_request=body)
    elif isinstance(change, CreatePrincipalRole):
        body = sdk.CreatePrincipalRoleRequest(principal_role=sdk.PrincipalRole(name=change.role))
        request = partial(api.create_principal_role, body)
    elif isinstance(change, AssignCatalogRole):
        body = sdk.GrantCatalogRoleRequest(catalog_role=sdk.CatalogRole(name=change.role))
        request = partial(api.assign_catalog_role_to_principal_role, change.principal_role, change.catalog, body)
    elif isinstance(change, RevokeCatalogRole):
        request = partial(
            api.revoke_catalog_role_from_principal_role, change.principal_role, change.catalog, change.role
        )
    elif isinstance(change, AssignPrincipalRole):
        body = sdk.GrantPrincipalRoleRequest(principal_role=sdk.PrincipalRole(name=change.role))
        request = partial(api.assign_principal_role, change.principal, body)
    else:
        assert isinstance(change, RevokePrincipalRole)
        request = partial(api.revoke_principal_role, change.principal, change.role)
    client.write(f"to {change}", request)


def _credential(client: PolarisClient, change: CreatePrincipal | ResetCredential, kept: Kept) -> None:
    import apache_polaris.sdk.management as sdk

    request: Callable[..., Any]
    if isinstance(change, CreatePrincipal):
        body = sdk.CreatePrincipalRequest(principal=sdk.Principal(name=change.principal))
        request = partial(client.api.create_principal, body)
    else:
        request = partial(client.api.reset_credentials, change.principal, sdk.ResetPrincipalRequest())
    answer: Any = client.write(f"to {change}", request)
    shown = answer.credentials
    if shown.client_id is None or shown.client_secret is None:
        raise LookAgain(f"the server showed no credential of {change.principal}")
    kept.write(change.secret, shown.client_id, shown.client_secret.get_secret_value())


def _update(client: PolarisClient, change: UpdateCatalog, sdk: Any) -> Any:
    """What of the storage floe.yaml has no words for stays as it is."""
    name = change.catalog.name
    now: Any = client.read(f"the catalog {name}", partial(client.api.get_catalog, name))
    if now is None or now.entity_version != change.catalog.version:
        raise LookAgain(f"the catalog {name} has been changed meanwhile")
    storage = _storage(change.catalog, now.storage_config_info.to_dict())
    return sdk.UpdateCatalogRequest(
        current_entity_version=change.catalog.version,
        properties=_properties(change.catalog),
        storage_config_info=sdk.StorageConfigInfo.from_dict(storage),
    )


def _properties(catalog: CatalogState) -> dict[str, str]:
    return {"default-base-location": catalog.location, **dict(catalog.properties)}


def _storage(catalog: CatalogState, before: dict[str, Any]) -> dict[str, Any]:
    others = {word: value for word, value in before.items() if word not in STORAGE_WORDS}
    own = {"storageType": catalog.storage_type, "allowedLocations": list(catalog.allowed)}
    return {**others, **own, **dict(catalog.storage)}


def _grant(privilege: str, sdk: Any) -> Any:
    try:
        return sdk.CatalogGrant(type="catalog", privilege=sdk.CatalogPrivilege(privilege))
    except ValueError:
        from floe_images.errors import ProjectError

        known = ", ".join(each.value for each in sdk.CatalogPrivilege)
        raise ProjectError(f"Polaris has no privilege {privilege}", hint=f"its privileges are: {known}") from None
