"""Method and path → what answers, and who may ask."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from tests.support.polaris import catalogs, iceberg, principals
from tests.support.polaris.answers import Answer, empty, error
from tests.support.polaris.state import Principal, State

_M = "/api/management/v1"
_C = "/api/catalog/v1"


@dataclass(frozen=True)
class Route:
    """``operation`` is Polaris' word in what it refuses; without one the handler itself decides who may."""

    method: str
    path: str
    handler: Callable[..., Answer]
    operation: str | None
    body: bool = False

    def match(self, path: str) -> list[str] | None:
        pattern = re.sub(r"\{[a-z]+\}", "([^/]+)", self.path)
        found = re.fullmatch(pattern, path)
        return [unquote(each) for each in found.groups()] if found else None


ROUTES = (
    Route("GET", f"{_M}/catalogs", catalogs.list_catalogs, "LIST_CATALOGS"),
    Route("POST", f"{_M}/catalogs", catalogs.create_catalog, "CREATE_CATALOG", True),
    Route("GET", f"{_M}/catalogs/{{c}}", catalogs.get_catalog, "GET_CATALOG"),
    Route("PUT", f"{_M}/catalogs/{{c}}", catalogs.update_catalog, "UPDATE_CATALOG", True),
    Route("DELETE", f"{_M}/catalogs/{{c}}", catalogs.delete_catalog, "DELETE_CATALOG"),
    Route("GET", f"{_M}/catalogs/{{c}}/catalog-roles", catalogs.list_roles, "LIST_CATALOG_ROLES"),
    Route("POST", f"{_M}/catalogs/{{c}}/catalog-roles", catalogs.create_role, "CREATE_CATALOG_ROLE", True),
    Route("GET", f"{_M}/catalogs/{{c}}/catalog-roles/{{r}}", catalogs.get_role, "GET_CATALOG_ROLE"),
    Route("DELETE", f"{_M}/catalogs/{{c}}/catalog-roles/{{r}}", catalogs.delete_role, "DELETE_CATALOG_ROLE"),
    Route(
        "GET",
        f"{_M}/catalogs/{{c}}/catalog-roles/{{r}}/principal-roles",
        catalogs.role_assignees,
        "LIST_ASSIGNEE_PRINCIPAL_ROLES_FOR_CATALOG_ROLE",
    ),
    Route(
        "GET", f"{_M}/catalogs/{{c}}/catalog-roles/{{r}}/grants", catalogs.list_grants, "LIST_GRANTS_FOR_CATALOG_ROLE"
    ),
    Route(
        "PUT", f"{_M}/catalogs/{{c}}/catalog-roles/{{r}}/grants", catalogs.add_grant, "ADD_CATALOG_GRANT_TO_ROLE", True
    ),
    Route(
        "POST",
        f"{_M}/catalogs/{{c}}/catalog-roles/{{r}}/grants",
        catalogs.revoke_grant,
        "REVOKE_CATALOG_GRANT_FROM_ROLE",
        True,
    ),
    Route("GET", f"{_M}/principals", principals.list_principals, "LIST_PRINCIPALS"),
    Route("POST", f"{_M}/principals", principals.create_principal, "CREATE_PRINCIPAL", True),
    Route("GET", f"{_M}/principals/{{p}}", principals.get_principal, "GET_PRINCIPAL"),
    Route("DELETE", f"{_M}/principals/{{p}}", principals.delete_principal, "DELETE_PRINCIPAL"),
    Route("POST", f"{_M}/principals/{{p}}/rotate", principals.rotate, "ROTATE_CREDENTIALS"),
    Route("POST", f"{_M}/principals/{{p}}/reset", principals.reset, "RESET_CREDENTIALS", True),
    Route("GET", f"{_M}/principals/{{p}}/principal-roles", principals.assigned, "LIST_PRINCIPAL_ROLES_ASSIGNED"),
    Route("PUT", f"{_M}/principals/{{p}}/principal-roles", principals.assign, "ASSIGN_PRINCIPAL_ROLE", True),
    Route("DELETE", f"{_M}/principals/{{p}}/principal-roles/{{r}}", principals.unassign, "REVOKE_PRINCIPAL_ROLE"),
    Route("GET", f"{_M}/principal-roles", principals.list_roles, "LIST_PRINCIPAL_ROLES"),
    Route("POST", f"{_M}/principal-roles", principals.create_role, "CREATE_PRINCIPAL_ROLE", True),
    Route("GET", f"{_M}/principal-roles/{{r}}", principals.get_role, "GET_PRINCIPAL_ROLE"),
    Route("DELETE", f"{_M}/principal-roles/{{r}}", principals.delete_role, "DELETE_PRINCIPAL_ROLE"),
    Route(
        "GET",
        f"{_M}/principal-roles/{{r}}/principals",
        principals.role_assignees,
        "LIST_ASSIGNEE_PRINCIPALS_FOR_PRINCIPAL_ROLE",
    ),
    Route(
        "GET",
        f"{_M}/principal-roles/{{r}}/catalog-roles/{{c}}",
        principals.catalog_roles,
        "LIST_CATALOG_ROLES_FOR_PRINCIPAL_ROLE",
    ),
    Route(
        "PUT",
        f"{_M}/principal-roles/{{r}}/catalog-roles/{{c}}",
        principals.assign_catalog_role,
        "ASSIGN_CATALOG_ROLE_TO_PRINCIPAL_ROLE",
        True,
    ),
    Route(
        "DELETE",
        f"{_M}/principal-roles/{{r}}/catalog-roles/{{c}}/{{x}}",
        principals.unassign_catalog_role,
        "REVOKE_CATALOG_ROLE_FROM_PRINCIPAL_ROLE",
    ),
    Route("GET", f"{_C}/{{c}}/namespaces", iceberg.list_namespaces, None),
    Route("POST", f"{_C}/{{c}}/namespaces", iceberg.create_namespace, None, True),
    Route("DELETE", f"{_C}/{{c}}/namespaces/{{n}}", iceberg.drop_namespace, None),
)
CONFIG = f"{_C}/config"
TOKENS = f"{_C}/oauth/tokens"


def find(method: str, path: str) -> tuple[Route, list[str]]:
    """Raise 404 for a path that is none, 405 for a method that a path does not take."""
    there = [(route, names) for route in ROUTES if (names := route.match(path)) is not None]
    if not there:
        raise empty(404)
    for route, names in there:
        if route.method == method:
            return route, names
    raise empty(405)


def run(route: Route, names: list[str], *, state: State, who: tuple[str, Principal], body: Any) -> Answer:
    arguments: list[Any] = [body] if route.body else []
    if route.operation is None:
        return route.handler(state, *arguments, who, *names)
    _allow(route.operation, names, who)
    return route.handler(state, *arguments, *names)


def _allow(operation: str, names: list[str], who: tuple[str, Principal]) -> None:
    name, principal = who
    if operation == "ROTATE_CREDENTIALS":  # one's own, and nobody else's
        if names == [name]:
            return
    elif "service_admin" in principal.roles:
        return
    roles = ", ".join(principal.roles)
    raise error(
        403,
        "ForbiddenException",
        f"Principal '{name}' with activated PrincipalRoles '[{roles}]' and activated grants via "
        f"'[{roles}]' is not authorized for op {operation}",
    )
