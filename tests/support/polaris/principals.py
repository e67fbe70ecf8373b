"""The management API's principals and principal roles."""

from __future__ import annotations

from typing import Any

from tests.support.polaris import models
from tests.support.polaris.answers import API, SEEN, Answer, error
from tests.support.polaris.state import Principal, State, changed, new_client_id, new_secret, stamped


def list_principals(state: State) -> Answer:
    body = {"principals": [each.document for each in state.principals.values()]}
    return Answer(status=200, body=body, source=API, model="Principals")


def create_principal(state: State, body: Any) -> Answer:
    name = models.named(body, "principal", "CreatePrincipalRequest")["name"]
    if name in state.principals:
        raise error(
            409,
            "AlreadyExistsException",
            f"Cannot create Principal {name}. Principal already exists or resolution failed",
        )
    client_id = new_client_id()
    made = Principal(
        document=stamped({"name": name, "clientId": client_id, "properties": {}}),
        client_id=client_id,
        secret=new_secret(),
    )
    state.principals[name] = made
    return _shown(made, 201)


def get_principal(state: State, name: str) -> Answer:
    return Answer(status=200, body=state.principal(name).document, model="Principal")


def delete_principal(state: State, name: str) -> Answer:
    state.principal(name)
    del state.principals[name]
    return Answer(status=204)


def rotate(state: State, name: str) -> Answer:
    principal = state.principal(name)
    principal.former, principal.secret = principal.secret, new_secret()
    principal.document = changed(principal.document)
    return _shown(principal, 200)


def reset(state: State, body: Any, name: str) -> Answer:
    principal = state.principal(name)
    wanted = body if isinstance(body, dict) else {}
    models.request("ResetPrincipalRequest", wanted)
    principal.client_id = wanted.get("clientId") or principal.client_id
    principal.secret, principal.former = wanted.get("clientSecret") or new_secret(), None
    principal.document = changed(principal.document, clientId=principal.client_id)
    return _shown(principal, 200)


def list_roles(state: State) -> Answer:
    body = {"roles": list(state.principal_roles.values())}
    return Answer(status=200, body=body, source=API, model="PrincipalRoles")


def create_role(state: State, body: Any) -> Answer:
    name = models.named(body, "principalRole", "CreatePrincipalRoleRequest")["name"]
    if name in state.principal_roles:
        raise error(
            409,
            "AlreadyExistsException",
            f"Cannot create PrincipalRole {name}. PrincipalRole already exists or resolution failed",
        )
    state.principal_roles[name] = stamped({"name": name})
    return Answer(status=201, body=state.principal_roles[name], model="PrincipalRole")


def get_role(state: State, name: str) -> Answer:
    return Answer(status=200, body=state.principal_role(name), source=API, model="PrincipalRole")


def delete_role(state: State, name: str) -> Answer:
    state.principal_role(name)
    if name == "service_admin":
        raise error(400, "BadRequestException", "service_admin cannot be dropped")
    del state.principal_roles[name]
    for principal in state.principals.values():
        if name in principal.roles:
            principal.roles.remove(name)
    for catalog in state.catalogs.values():
        catalog.assigned.pop(name, None)
    return Answer(status=204, source=API)


def assigned(state: State, name: str) -> Answer:
    body = {"roles": [state.principal_roles[role] for role in state.principal(name).roles]}
    return Answer(status=200, body=body, source=API, model="PrincipalRoles")


def assign(state: State, body: Any, name: str) -> Answer:
    principal = state.principal(name)
    role = models.named(body, "principalRole", "GrantPrincipalRoleRequest")["name"]
    state.principal_role(role)
    return Answer(status=201, source=state.add(principal.roles, role) or SEEN)


def unassign(state: State, name: str, role: str) -> Answer:
    principal = state.principal(name)
    state.principal_role(role)
    if role not in principal.roles:
        raise error(400, "GRANT_NOT_FOUND", "Grant not found")
    principal.roles.remove(role)
    return Answer(status=204)


def role_assignees(state: State, role: str) -> Answer:
    state.principal_role(role)
    body = {"principals": [each.document for each in state.principals.values() if role in each.roles]}
    return Answer(status=200, body=body, source=API, model="Principals")


def catalog_roles(state: State, role: str, catalog: str) -> Answer:
    state.principal_role(role)
    its = state.catalog(catalog)
    body = {"roles": [its.roles[name] for name in its.assigned.get(role, ())]}
    return Answer(status=200, body=body, source=API, model="CatalogRoles")


def assign_catalog_role(state: State, body: Any, role: str, catalog: str) -> Answer:
    state.principal_role(role)
    wanted = models.named(body, "catalogRole", "GrantCatalogRoleRequest")["name"]
    state.catalog_role(catalog, wanted)
    return Answer(status=201, source=state.add(state.catalog(catalog).assigned.setdefault(role, []), wanted) or SEEN)


def unassign_catalog_role(state: State, role: str, catalog: str, catalog_role: str) -> Answer:
    state.principal_role(role)
    state.catalog_role(catalog, catalog_role)
    held = state.catalog(catalog).assigned.get(role, [])
    if catalog_role not in held:
        raise error(400, "GRANT_NOT_FOUND", "Grant not found")
    held.remove(catalog_role)
    return Answer(status=204)


def _shown(principal: Principal, status: int) -> Answer:
    """The one time that a secret is shown."""
    credentials = {"clientId": principal.client_id, "clientSecret": principal.secret}
    body = {"principal": principal.document, "credentials": credentials}
    return Answer(status=status, body=body, model="PrincipalWithCredentials")
