"""As much of the Iceberg REST API as shows that a catalog is in use: its configuration and namespaces, no tables."""

from __future__ import annotations

from typing import Any

from tests.support.polaris.answers import API, Answer, error
from tests.support.polaris.state import Principal, State

_LIST = ("CATALOG_MANAGE_CONTENT", "CATALOG_MANAGE_METADATA", "NAMESPACE_LIST", "NAMESPACE_FULL_METADATA")
_CREATE = ("CATALOG_MANAGE_CONTENT", "CATALOG_MANAGE_METADATA", "NAMESPACE_CREATE", "NAMESPACE_FULL_METADATA")
_DROP = ("CATALOG_MANAGE_CONTENT", "CATALOG_MANAGE_METADATA", "NAMESPACE_DROP", "NAMESPACE_FULL_METADATA")
_SEPARATOR = "\x1f"


def config(state: State, warehouse: str | None) -> Answer:
    if warehouse is None:
        raise error(400, "BadRequestException", "Please specify a warehouse")
    if warehouse not in state.catalogs:
        raise error(404, "NotFoundException", f"Unable to find warehouse {warehouse}")
    endpoints = ["GET /v1/{prefix}/namespaces", "POST /v1/{prefix}/namespaces"]
    defaults = {"default-base-location": state.catalogs[warehouse].document["properties"]["default-base-location"]}
    return Answer(status=200, body={"defaults": defaults, "overrides": {"prefix": warehouse}, "endpoints": endpoints})


def list_namespaces(state: State, who: tuple[str, Principal], catalog: str) -> Answer:
    _may(state, who, catalog, "LIST_NAMESPACES", _LIST)
    return Answer(status=200, body={"namespaces": [list(each) for each in state.catalog(catalog).namespaces]})


def create_namespace(state: State, body: Any, who: tuple[str, Principal], catalog: str) -> Answer:
    _may(state, who, catalog, "CREATE_NAMESPACE", _CREATE)
    name = tuple(body["namespace"])
    its = state.catalog(catalog)
    if name in its.namespaces:
        raise error(409, "AlreadyExistsException", f"Cannot create namespace {'.'.join(name)}. It already exists")
    if len(name) > 1 and name[:-1] not in its.namespaces:
        raise error(404, "NoSuchNamespaceException", f"Namespace does not exist: {'.'.join(name[:-1])}")
    base = its.document["properties"]["default-base-location"].rstrip("/")
    its.namespaces[name] = {**body.get("properties", {}), "location": "/".join([base, *name]) + "/"}
    return Answer(status=200, body={"namespace": list(name), "properties": its.namespaces[name]})


def drop_namespace(state: State, who: tuple[str, Principal], catalog: str, namespace: str) -> Answer:
    _may(state, who, catalog, "DROP_NAMESPACE", _DROP)
    its, name = state.catalog(catalog), tuple(namespace.split(_SEPARATOR))
    if name not in its.namespaces:
        raise error(404, "NoSuchNamespaceException", f"Namespace does not exist: {'.'.join(name)}", source=API)
    if any(each[: len(name)] == name and each != name for each in its.namespaces):
        raise error(409, "NamespaceNotEmptyException", f"Namespace {'.'.join(name)} is not empty")
    del its.namespaces[name]
    return Answer(status=204, source=API)


def _may(state: State, who: tuple[str, Principal], catalog: str, operation: str, privileges: tuple[str, ...]) -> None:
    state.catalog(catalog)
    name, principal = who
    if state.privileges(principal, catalog).isdisjoint(privileges):
        roles = sorted(principal.roles)
        through = sorted({role for each in roles for role in state.catalogs[catalog].assigned.get(each, ())} | {*roles})
        raise error(
            403,
            "ForbiddenException",
            f"Principal '{name}' with activated PrincipalRoles '[{', '.join(roles)}]' and activated grants via "
            f"'[{', '.join(through)}]' is not authorized for op {operation}",
        )
