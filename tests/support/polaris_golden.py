"""The golden cases of Polaris' management API: (what there is, a request) → the answer, as 1.4.1 gave it.

Names are templates: ``{n}`` is a word of the case's own, so that cases do not meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from tests.support.polaris_double import Polaris

Request = tuple[str, str, Any]  # method, path (M management, C catalog), body


class _Anything:
    def __eq__(self, other: object) -> bool:
        return other is not None

    def __hash__(self) -> int:
        return 0


ANY = _Anything()
EMPTY = "an empty body"


@dataclass(frozen=True, kw_only=True)
class Row:
    """``shows`` is part of the JSON, or EMPTY; ``store``: only that one answers so."""

    what: str
    given: tuple[Request, ...] = ()
    ask: Request
    status: int
    shows: Any = None
    store: str | None = None
    source: str = "1.4.1 seen"


def fault(kind: str, code: int, message: Any = ANY) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "code": code}}


def catalog(name: str = "{n}", **parts: Any) -> dict[str, Any]:
    storage = {"storageType": "S3", "allowedLocations": [], "endpoint": "http://s3", "stsUnavailable": True}
    return {
        "type": "INTERNAL",
        "name": name,
        "properties": {"default-base-location": f"s3://{name}/w"},
        "storageConfigInfo": {**storage, "region": "us-east-1"},
        **parts,
    }


def _without(name: str) -> dict[str, Any]:
    return {key: value for key, value in catalog().items() if key != name}


_CATALOG: Request = ("POST", "M/catalogs", {"catalog": catalog()})
_PRINCIPAL: Request = ("POST", "M/principals", {"principal": {"name": "{n}"}})
_ROLE: Request = ("POST", "M/principal-roles", {"principalRole": {"name": "{n}-pr"}})
_CATALOG_ROLE: Request = ("POST", "M/catalogs/{n}/catalog-roles", {"catalogRole": {"name": "{n}-cr"}})
_ASSIGN: Request = ("PUT", "M/principals/{n}/principal-roles", {"principalRole": {"name": "{n}-pr"}})
_ASSIGN_CATALOG: Request = (
    "PUT",
    "M/principal-roles/{n}-pr/catalog-roles/{n}",
    {"catalogRole": {"name": "{n}-cr"}},
)
_GRANTS = "M/catalogs/{n}/catalog-roles/{n}-cr/grants"
_CONTENT = {"type": "catalog", "privilege": "CATALOG_MANAGE_CONTENT"}
_GRANT: Request = ("PUT", _GRANTS, {"grant": _CONTENT})
_ALL = (_CATALOG, _CATALOG_ROLE, _ROLE, _ASSIGN_CATALOG)
_ENTITY = {"createTimestamp": ANY, "lastUpdateTimestamp": ANY, "entityVersion": 1}
_READ_STORAGE = {
    "storageType": "S3",
    "allowedLocations": ["s3://{n}/w"],
    "endpoint": "http://s3",
    "stsUnavailable": True,
    "region": "us-east-1",
}
_CREATED = {
    "type": "INTERNAL",
    "name": "{n}",
    "properties": {"default-base-location": "s3://{n}/w"},
    "storageConfigInfo": _READ_STORAGE,
    **_ENTITY,
}

GOLDEN = (
    Row(what="a catalog, wrapped", ask=_CATALOG, status=201, shows=_CREATED),
    Row(what="a catalog, bare", ask=("POST", "M/catalogs", catalog()), status=201, shows=_CREATED),
    Row(
        what="a catalog with a field that nobody knows",
        ask=("POST", "M/catalogs", {"catalog": catalog(colour="green")}),
        status=201,
        shows=_CREATED,
    ),
    Row(
        what="a catalog twice", given=(_CATALOG,), ask=_CATALOG, status=409, shows=fault("AlreadyExistsException", 409)
    ),
    Row(
        what="a catalog within another one",
        given=(_CATALOG,),
        ask=(
            "POST",
            "M/catalogs",
            catalog("{n}-b", properties={"default-base-location": "s3://{n}/w/inner"}),
        ),
        status=400,
        shows=fault("ValidationException", 400),
    ),
    Row(
        what="a catalog on files without the settings",
        ask=("POST", "M/catalogs", catalog(storageConfigInfo={"storageType": "FILE"})),
        status=400,
        shows=fault("IllegalArgumentException", 400, "Unsupported storage type: FILE"),
    ),
    Row(
        what="a catalog without storage",
        ask=("POST", "M/catalogs", _without("storageConfigInfo")),
        status=400,
        shows=fault("ResteasyReactiveViolationException", 400),
    ),
    Row(
        what="a catalog without a name",
        ask=("POST", "M/catalogs", catalog("")),
        status=400,
        shows=fault("ResteasyReactiveViolationException", 400),
    ),
    Row(
        what="a catalog of the system",
        ask=("POST", "M/catalogs", catalog("system$x")),
        status=400,
        shows=fault("ResteasyReactiveViolationException", 400),
    ),
    Row(
        what="a catalog on a storage that nobody knows",
        ask=("POST", "M/catalogs", catalog(storageConfigInfo={"storageType": "TAPE"})),
        status=400,
        shows=EMPTY,
    ),
    Row(
        what="a catalog without a base location",
        ask=("POST", "M/catalogs", catalog(properties={})),
        status=400,
        shows=EMPTY,
    ),
    Row(
        what="an unknown catalog",
        ask=("GET", "M/catalogs/{n}", None),
        status=404,
        shows=fault("NotFoundException", 404),
    ),
    Row(
        what="an update",
        given=(_CATALOG,),
        ask=("PUT", "M/catalogs/{n}", {"currentEntityVersion": 1, "properties": {"a": "b"}}),
        status=200,
        shows={"entityVersion": 2, "properties": {"a": "b", "default-base-location": "s3://{n}/w"}},
    ),
    Row(
        what="a stale update",
        given=(_CATALOG, ("PUT", "M/catalogs/{n}", {"currentEntityVersion": 1, "properties": {"a": "b"}})),
        ask=("PUT", "M/catalogs/{n}", {"currentEntityVersion": 1, "properties": {"a": "c"}}),
        status=409,
        shows=fault("CommitConflictException", 409),
    ),
    Row(
        what="an update without a version",
        given=(_CATALOG,),
        ask=("PUT", "M/catalogs/{n}", {"properties": {"a": "b"}}),
        status=500,
    ),
    Row(what="a catalog deleted", given=(_CATALOG,), ask=("DELETE", "M/catalogs/{n}", None), status=204, shows=EMPTY),
    Row(
        what="a catalog deleted twice",
        given=(_CATALOG, ("DELETE", "M/catalogs/{n}", None)),
        ask=("DELETE", "M/catalogs/{n}", None),
        status=404,
    ),
    Row(
        what="a catalog deleted with a role in it",
        given=(_CATALOG, _CATALOG_ROLE),
        ask=("DELETE", "M/catalogs/{n}", None),
        status=400,
        shows=fault("BadRequestException", 400),
    ),
    Row(
        what="a catalog deleted with a namespace in it",
        given=(_CATALOG, ("POST", "C/{n}/namespaces", {"namespace": ["a"]})),
        ask=("DELETE", "M/catalogs/{n}", None),
        status=400,
        shows=fault("BadRequestException", 400),
    ),
    Row(
        what="a principal",
        ask=_PRINCIPAL,
        status=201,
        shows={
            "principal": {"name": "{n}", "clientId": ANY, "entityVersion": 1},
            "credentials": {"clientId": ANY, "clientSecret": ANY},
        },
    ),
    Row(what="a principal twice", given=(_PRINCIPAL,), ask=_PRINCIPAL, status=409),
    Row(what="a principal role", ask=_ROLE, status=201, shows={"name": "{n}-pr"}),
    Row(what="a principal role twice", given=(_ROLE,), ask=_ROLE, status=409),
    Row(what="a catalog role", given=(_CATALOG,), ask=_CATALOG_ROLE, status=201, shows={"name": "{n}-cr"}),
    Row(what="a catalog role twice", given=(_CATALOG, _CATALOG_ROLE), ask=_CATALOG_ROLE, status=409),
    Row(what="an assignment", given=(_PRINCIPAL, _ROLE), ask=_ASSIGN, status=201, shows=EMPTY),
    Row(
        what="an assignment twice, in memory",
        given=(_PRINCIPAL, _ROLE, _ASSIGN),
        ask=_ASSIGN,
        status=201,
        shows=EMPTY,
        store="in-memory",
    ),
    Row(
        what="an assignment twice, relational",
        given=(_PRINCIPAL, _ROLE, _ASSIGN),
        ask=_ASSIGN,
        status=500,
        store="relational-jdbc",
    ),
    Row(what="an assignment of nothing", given=(_PRINCIPAL,), ask=_ASSIGN, status=404),
    Row(what="a catalog role assigned", given=_ALL[:3], ask=_ASSIGN_CATALOG, status=201, shows=EMPTY),
    Row(
        what="a catalog role assigned twice, in memory",
        given=_ALL,
        ask=_ASSIGN_CATALOG,
        status=201,
        store="in-memory",
    ),
    Row(
        what="a catalog role assigned twice, relational",
        given=_ALL,
        ask=_ASSIGN_CATALOG,
        status=500,
        store="relational-jdbc",
    ),
    Row(what="a grant", given=_ALL, ask=_GRANT, status=201, shows=EMPTY),
    Row(what="a grant, bare", given=_ALL, ask=("PUT", _GRANTS, _CONTENT), status=201, shows=EMPTY),
    Row(what="a grant twice, in memory", given=(*_ALL, _GRANT), ask=_GRANT, status=201, store="in-memory"),
    Row(what="a grant twice, relational", given=(*_ALL, _GRANT), ask=_GRANT, status=500, store="relational-jdbc"),
    Row(what="grants", given=(*_ALL, _GRANT), ask=("GET", _GRANTS, None), status=200, shows={"grants": [_CONTENT]}),
    Row(what="a grant revoked", given=(*_ALL, _GRANT), ask=("POST", _GRANTS, {"grant": _CONTENT}), status=201),
    Row(
        what="a grant revoked twice",
        given=(*_ALL, _GRANT, ("POST", _GRANTS, {"grant": _CONTENT})),
        ask=("POST", _GRANTS, {"grant": _CONTENT}),
        status=400,
        shows=fault("GRANT_NOT_FOUND", 400),
    ),
    Row(
        what="a principal role taken",
        given=(_PRINCIPAL, _ROLE, _ASSIGN),
        ask=("DELETE", "M/principals/{n}/principal-roles/{n}-pr", None),
        status=204,
    ),
    Row(
        what="a principal role taken twice",
        given=(_PRINCIPAL, _ROLE),
        ask=("DELETE", "M/principals/{n}/principal-roles/{n}-pr", None),
        status=400,
        shows=fault("GRANT_NOT_FOUND", 400),
    ),
    Row(
        what="catalog_admin deleted",
        given=(_CATALOG,),
        ask=("DELETE", "M/catalogs/{n}/catalog-roles/catalog_admin", None),
        status=400,
    ),
    Row(what="service_admin deleted", ask=("DELETE", "M/principal-roles/service_admin", None), status=400),
    Row(
        what="a missing grant",
        given=(*_ALL, ("AS {n}-x", "M/principals", {"principal": {"name": "{n}-x"}})),
        ask=("AS {n}-x", "C/{n}/namespaces", None),
        status=403,
        shows=fault(
            "ForbiddenException",
            403,
            "Principal '{n}-x' with activated PrincipalRoles '[{n}-pr]' and activated grants via '[{n}-cr, {n}-pr]' "
            "is not authorized for op LIST_NAMESPACES",
        ),
    ),
    Row(
        what="a catalog's configuration",
        given=(_CATALOG,),
        ask=("GET", "C/config?warehouse={n}", None),
        status=200,
        shows={"defaults": ANY, "overrides": {"prefix": "{n}"}, "endpoints": ANY},
    ),
    Row(
        what="the configuration of nothing",
        ask=("GET", "C/config?warehouse={n}", None),
        status=404,
        shows=fault("NotFoundException", 404, "Unable to find warehouse {n}"),
    ),
    Row(what="a configuration without a warehouse", ask=("GET", "C/config", None), status=400),
    Row(
        what="a namespace",
        given=(_CATALOG,),
        ask=("POST", "C/{n}/namespaces", {"namespace": ["a"]}),
        status=200,
        shows={"namespace": ["a"], "properties": {"location": ANY}},
    ),
    Row(
        what="a namespace twice",
        given=(_CATALOG, ("POST", "C/{n}/namespaces", {"namespace": ["a"]})),
        ask=("POST", "C/{n}/namespaces", {"namespace": ["a"]}),
        status=409,
    ),
    Row(
        what="a namespace below nothing",
        given=(_CATALOG,),
        ask=("POST", "C/{n}/namespaces", {"namespace": ["a", "b"]}),
        status=404,
    ),
    Row(
        what="a namespace that is not empty",
        given=(
            _CATALOG,
            ("POST", "C/{n}/namespaces", {"namespace": ["a"]}),
            ("POST", "C/{n}/namespaces", {"namespace": ["a", "b"]}),
        ),
        ask=("DELETE", "C/{n}/namespaces/a", None),
        status=409,
        shows=fault("NamespaceNotEmptyException", 409),
    ),
)


def play(polaris: Polaris, row: Row, name: str) -> requests.Response:
    """Make what the row is given, and ask; ``AS`` is a principal that is made first, with the role ``{n}-pr``."""
    who: str | None = None
    for method, path, body in row.given:
        found = polaris.root_does(
            "POST" if method.startswith("AS ") else method, _named(path, name), _named(body, name)
        )
        if method.startswith("AS "):
            who = f"{found['credentials']['clientId']}:{found['credentials']['clientSecret']}"
            role = {"principalRole": {"name": f"{name}-pr"}}
            polaris.root_does("PUT", f"M/principals/{name}-x/principal-roles", role)
    method, path, body = row.ask
    answer = polaris.ask("GET" if who else method, _named(path, name), _named(body, name), who=who)
    answer.asked_as = name  # type: ignore[attr-defined]
    return answer


def fits(answer: requests.Response, shows: Any) -> bool:
    if shows is EMPTY:
        return not answer.content
    return shows is None or _has(answer.json(), _named(shows, answer.asked_as))  # type: ignore[attr-defined]


def _has(found: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(found, dict) and all(_has(found.get(key), value) for key, value in part.items())
    return bool(part == found)


def _named(value: Any, name: str) -> Any:
    if isinstance(value, str):
        return value.replace("{n}", name)
    if isinstance(value, dict):
        return {key: _named(item, name) for key, item in value.items()}
    return [_named(item, name) for item in value] if isinstance(value, list) else value
