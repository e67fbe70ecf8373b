"""The management API's catalogs, their roles and grants."""

from __future__ import annotations

from typing import Any

from tests.support.polaris import models
from tests.support.polaris.answers import API, READ, Answer, error
from tests.support.polaris.state import Catalog, State, changed, stamped


def list_catalogs(state: State) -> Answer:
    return Answer(status=200, body={"catalogs": [each.document for each in state.catalogs.values()]}, model="Catalogs")


def create_catalog(state: State, body: Any) -> Answer:
    wanted = models.catalog_request(body)
    if wanted["storageConfigInfo"]["storageType"] == "FILE" and not state.file_storage:
        raise error(400, "IllegalArgumentException", "Unsupported storage type: FILE")
    name, base = wanted["name"], wanted["properties"]["default-base-location"]
    if name in state.catalogs:
        raise error(
            409,
            "AlreadyExistsException",
            f"Cannot create Catalog {name}. Catalog already exists or resolution failed",
        )
    for other in state.catalogs.values():
        if _overlap(base, other.document["properties"]["default-base-location"]):
            raise error(
                400,
                "ValidationException",
                f"Cannot create Catalog {name}. One or more of its locations overlaps with an existing catalog",
            )
    document = stamped({"type": wanted["type"], "name": name, "properties": wanted["properties"]})
    document["storageConfigInfo"] = _storage(wanted["storageConfigInfo"], base)
    admin = [{"type": "catalog", "privilege": each} for each in ("CATALOG_MANAGE_ACCESS", "CATALOG_MANAGE_METADATA")]
    state.catalogs[name] = Catalog(
        document=document,
        roles={"catalog_admin": stamped({"name": "catalog_admin"})},
        grants={"catalog_admin": admin},
        assigned={"service_admin": ["catalog_admin"]},
    )
    return Answer(status=201, body=document, model="Catalog")


def get_catalog(state: State, name: str) -> Answer:
    return Answer(status=200, body=state.catalog(name).document, model="Catalog")


def update_catalog(state: State, body: Any, name: str) -> Answer:
    """Properties are replaced as a whole, but a base location that is not among them stays (read)."""
    catalog = state.catalog(name)
    if not isinstance(body, dict) or body.get("currentEntityVersion") is None:
        raise error(500, "NullPointerException", "currentEntityVersion is null")
    wanted = models.request("UpdateCatalogRequest", body)
    now = catalog.document
    if wanted["currentEntityVersion"] != now["entityVersion"]:
        raise error(
            409,
            "CommitConflictException",
            f"Failed to update Catalog; currentEntityVersion '{now['entityVersion']}', "
            f"expected '{wanted['currentEntityVersion']}'",
        )
    base = now["properties"]["default-base-location"]
    parts = {}
    if "properties" in wanted:
        base = wanted["properties"].get("default-base-location") or base
        parts["properties"] = {**wanted["properties"], "default-base-location": base}
    if "storageConfigInfo" in wanted:
        if wanted["storageConfigInfo"]["storageType"] != now["storageConfigInfo"]["storageType"]:
            raise error(400, "BadRequestException", "Cannot modify storage type of storage config", source=READ)
        parts["storageConfigInfo"] = _storage(wanted["storageConfigInfo"], base)
    for other in state.catalogs.values():
        if other is not catalog and _overlap(base, other.document["properties"]["default-base-location"]):
            raise error(400, "ValidationException", f"Cannot update Catalog {name}", source=READ)
    catalog.document = changed(now, **parts)
    return Answer(status=200, body=catalog.document, model="Catalog")


def delete_catalog(state: State, name: str) -> Answer:
    catalog = state.catalog(name)
    if catalog.namespaces or set(catalog.roles) - {"catalog_admin"}:
        raise error(400, "BadRequestException", f"Catalog '{name}' cannot be dropped, it is not empty")
    del state.catalogs[name]
    return Answer(status=204)


def list_roles(state: State, catalog: str) -> Answer:
    return Answer(
        status=200, body={"roles": list(state.catalog(catalog).roles.values())}, source=API, model="CatalogRoles"
    )


def create_role(state: State, body: Any, catalog: str) -> Answer:
    its = state.catalog(catalog)
    name = models.named(body, "catalogRole", "CreateCatalogRoleRequest")["name"]
    if name in its.roles:
        raise error(409, "AlreadyExistsException", f"Cannot create CatalogRole {name} in {catalog}. It already exists")
    its.roles[name] = stamped({"name": name})
    return Answer(status=201, body=its.roles[name], model="CatalogRole")


def get_role(state: State, catalog: str, role: str) -> Answer:
    return Answer(status=200, body=state.catalog_role(catalog, role), source=API, model="CatalogRole")


def delete_role(state: State, catalog: str, role: str) -> Answer:
    state.catalog_role(catalog, role)
    if role == "catalog_admin":
        raise error(400, "BadRequestException", "catalog_admin cannot be dropped")
    its = state.catalog(catalog)
    del its.roles[role]
    its.grants.pop(role, None)
    for roles in its.assigned.values():
        if role in roles:
            roles.remove(role)
    return Answer(status=204, source=API)


def role_assignees(state: State, catalog: str, role: str) -> Answer:
    state.catalog_role(catalog, role)
    found = [name for name, roles in state.catalog(catalog).assigned.items() if role in roles]
    body = {"roles": [state.principal_roles[name] for name in found]}
    return Answer(status=200, body=body, source=API, model="PrincipalRoles")


def list_grants(state: State, catalog: str, role: str) -> Answer:
    state.catalog_role(catalog, role)
    return Answer(status=200, body={"grants": state.catalog(catalog).grants.get(role, [])}, model="GrantResources")


def add_grant(state: State, body: Any, catalog: str, role: str) -> Answer:
    state.catalog_role(catalog, role)
    repeated = state.add(state.catalog(catalog).grants.setdefault(role, []), _grant(body, "AddGrantRequest"))
    return Answer(status=201, source=repeated or "1.4.1 seen")


def revoke_grant(state: State, body: Any, catalog: str, role: str) -> Answer:
    state.catalog_role(catalog, role)
    held, grant = state.catalog(catalog).grants.get(role, []), _grant(body, "RevokeGrantRequest")
    if grant not in held:
        raise error(400, "GRANT_NOT_FOUND", "Grant not found")
    held.remove(grant)
    return Answer(status=201)


def _grant(body: Any, model: str) -> dict[str, Any]:
    """Wrapped in ``grant``, as the client sends it, or bare."""
    inner = body.get("grant", body) if isinstance(body, dict) else {}
    found: dict[str, Any] = models.request(model, {"grant": inner})["grant"]
    return {key: getattr(value, "value", value) for key, value in found.items()}


def _storage(wanted: dict[str, Any], base: str) -> dict[str, Any]:
    allowed = list(dict.fromkeys([*wanted.get("allowedLocations", ()), base]))
    return {**wanted, "allowedLocations": allowed}


def _overlap(one: str, other: str) -> bool:
    first, second = f"{one.rstrip('/')}/", f"{other.rstrip('/')}/"
    return first.startswith(second) or second.startswith(first)
