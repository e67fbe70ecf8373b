"""Artifacts → what each managed Polaris is to hold. Pure: what only the environment knows is asked of ``resolve``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from floe_images.artifacts.model import CatalogArtifact, CompiledArtifacts, Reference, Setting, Settings
from floe_images.errors import ProjectError, UsageError
from floe_images.runtime.polaris.state import (
    CatalogRoleState,
    CatalogState,
    Desired,
    PolarisState,
    PrincipalRoleState,
    PrincipalState,
    Server,
)

#: A setting and its path in floe.yaml → its text.
Resolve = Callable[[Setting, str], str]

_CATALOG_API, _MANAGEMENT_API = "/api/catalog", "/api/management/v1"
_TYPES = {"s3": "S3", "gcs": "GCS", "azure": "AZURE", "local": "FILE"}
# floe.yaml's words for a storage, and for what the server alone is told of it → Polaris'.
_STORAGE = {
    "s3": {"region": "region", "endpoint": "endpoint", "path_style": "pathStyleAccess", "role_arn": "roleArn"},
    "gcs": {},
    "azure": {"tenant_id": "tenantId"},
    "local": {},
}
_SERVER_STORAGE = {
    "s3": {
        "endpoint_internal": "endpointInternal",
        "sts_endpoint": "stsEndpoint",
        "sts_unavailable": "stsUnavailable",
        "external_id": "externalId",
    },
    "gcs": {"service_account": "gcsServiceAccount"},
    "azure": {"hierarchical": "hierarchical"},
    "local": {},
}
#: Polaris' words that floe.yaml has words for: what an observed storage is compared by.
STORAGE_WORDS = frozenset(
    word for words in (_STORAGE, _SERVER_STORAGE) for each in words.values() for word in each.values()
)
_DEFAULT_ROLE = "pipeline"
_DEFAULT_PRIVILEGE = "CATALOG_MANAGE_CONTENT"


@dataclass(frozen=True, kw_only=True)
class _Part:
    """What one catalog of floe.yaml asks of its server."""

    name: str
    server: Server
    state: PolarisState


def desired(artifacts: CompiledArtifacts, resolve: Resolve, *, names: Sequence[str] = ()) -> tuple[Desired, ...]:
    """One value a server, for the catalogs ``names`` (none: all that are managed) and whatever belongs to them.

    What several catalogs say of one principal or role of one server is put together. Raise UsageError for a name that
    is not managed, ProjectError where catalogs contradict one another, and what ``resolve`` raises.
    """
    managed = [each for each in artifacts.catalogs if isinstance(each.settings.get("manage"), Settings)]
    for name in names:
        if name not in (each.name for each in managed):
            raise UsageError(f"floe.yaml has no managed catalog {name}", hint=_known(managed))
    if not managed:
        raise UsageError("no catalog of floe.yaml is managed by floe", hint="catalogs.NAME.manage says that one is")
    parts = [_part(artifacts.name, each, resolve) for each in managed]
    found = []
    for key in dict.fromkeys((part.server.management_uri, part.server.realm) for part in parts):
        together = [part for part in parts if (part.server.management_uri, part.server.realm) == key]
        chosen = [part for part in together if not names or part.name in names]
        if chosen:
            found.append(_of_one_server(together, chosen))
    return tuple(found)


def seen_at(server: Server, address: str) -> Server:
    """The same server by another address: floe.yaml has the one that containers know. Raise UsageError."""
    base = address.rstrip("/")
    if not re.fullmatch(r"https?://[^/@?#\s]+(?:/[^@?#\s]*)?", base):
        raise UsageError("--at is no address such as http://127.0.0.1:8181")
    return replace(server, catalog_uri=base + _CATALOG_API, management_uri=base + _MANAGEMENT_API)


def _known(managed: Sequence[CatalogArtifact]) -> str:
    return f"managed are: {', '.join(each.name for each in managed) or 'none'}"


def _of_one_server(together: Sequence[_Part], chosen: Sequence[_Part]) -> Desired:
    first = together[0]
    for part in together:
        if (part.server.credential, part.server.scope) != (first.server.credential, first.server.scope):
            raise ProjectError(
                f"catalogs.{first.name}.manage and catalogs.{part.name}.manage name one server and two credentials"
            )
    every = _joined([part.state for part in together])
    wanted = _joined([part.state for part in chosen])
    # A principal's roles are exactly those that floe.yaml names anywhere: whatever it has must be there, too.
    principals = tuple(each for each in every.principals if wanted.principal(each.name))
    roles = {each.name for each in wanted.principal_roles} | {role for each in principals for role in each.roles}
    catalogs = {each.name for each in wanted.catalogs}
    principal_roles = tuple(
        replace(each, catalog_roles=tuple(pair for pair in each.catalog_roles if pair[0] in catalogs))
        for each in every.principal_roles
        if each.name in roles
    )
    return Desired(
        server=chosen[0].server, state=replace(wanted, principals=principals, principal_roles=principal_roles)
    )


def _joined(states: Sequence[PolarisState]) -> PolarisState:
    catalogs: dict[str, CatalogState] = {}
    roles: dict[str, set[tuple[str, str]]] = {}
    principals: dict[str, PrincipalState] = {}
    for state in states:
        for catalog in state.catalogs:
            if catalogs.setdefault(catalog.name, catalog) is not catalog:
                raise ProjectError(f"two managed catalogs of one server have the warehouse {catalog.name}")
        for role in state.principal_roles:
            roles.setdefault(role.name, set()).update(role.catalog_roles)
        for each in state.principals:
            before = principals.setdefault(each.name, each)
            if before.secret != each.secret:
                raise ProjectError(f"the principal {each.name} has two secrets: {before.secret} and {each.secret}")
            principals[each.name] = replace(each, roles=tuple(sorted({*before.roles, *each.roles})))
    return PolarisState(
        catalogs=_by_name(catalogs),
        catalog_roles=tuple(each for state in states for each in state.catalog_roles),
        principal_roles=tuple(
            PrincipalRoleState(name=name, catalog_roles=tuple(sorted(pairs))) for name, pairs in sorted(roles.items())
        ),
        principals=_by_name(principals),
    )


def _by_name(found: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(each for _, each in sorted(found.items()))


def _part(project: str, catalog: CatalogArtifact, resolve: Resolve) -> _Part:
    settings, path = catalog.settings, f"catalogs.{catalog.name}"
    manage = cast("Settings", settings.get("manage"))
    name = resolve(cast("Setting", settings.get("warehouse")), f"{path}.warehouse")
    roles = {
        role: _texts(cast("Settings", its).get("privileges")) for role, its in _items(manage.get("catalog_roles"))
    } or {_DEFAULT_ROLE: (_DEFAULT_PRIVILEGE,)}
    ours = f"{project}-{catalog.name}"
    principal_roles = {
        role: _texts(cast("Settings", its).get("catalog_roles")) for role, its in _items(manage.get("principal_roles"))
    } or {ours: tuple(roles)}
    return _Part(
        name=catalog.name,
        server=_server(catalog, path, manage, resolve),
        state=PolarisState(
            catalogs=(_catalog(name, settings, manage, path, resolve),),
            catalog_roles=tuple(
                CatalogRoleState(catalog=name, name=role, privileges=tuple(sorted(set(privileges))))
                for role, privileges in sorted(roles.items())
            ),
            principal_roles=tuple(
                PrincipalRoleState(name=role, catalog_roles=tuple(sorted((name, each) for each in set(its))))
                for role, its in sorted(principal_roles.items())
            ),
            principals=tuple(_principals(ours, settings, manage, tuple(principal_roles))),
        ),
    )


def _principals(ours: str, settings: Settings, manage: Settings, roles: tuple[str, ...]) -> Iterator[PrincipalState]:
    if manage.get("principals") is None:
        credential = settings.get("credential")
        if isinstance(credential, Reference):  # with authentication none nobody logs in
            yield PrincipalState(name=ours, roles=tuple(sorted(roles)), secret=credential.name, credential="kept")
        return
    for name, its in _items(manage.get("principals")):
        credential = cast("Settings", its).get("credential")
        assert isinstance(credential, Reference)
        of_it = tuple(sorted(set(_texts(cast("Settings", its).get("principal_roles")))))
        yield PrincipalState(name=name, roles=of_it, secret=credential.name, credential="kept")


def _server(catalog: CatalogArtifact, path: str, manage: Settings, resolve: Resolve) -> Server:
    settings = catalog.settings
    uri = str(settings.get("uri")).rstrip("/")
    management = manage.get("uri")
    if management is None:
        if not uri.endswith(_CATALOG_API):
            raise ProjectError(
                f"{path}.uri does not end in {_CATALOG_API}, so its management API is not known",
                hint=f"name it: {path}.manage.uri",
            )
        management = uri.removesuffix(_CATALOG_API) + _MANAGEMENT_API
    realm, credential = settings.get("realm"), manage.get("credential")
    return Server(
        setting=path,
        catalog_uri=uri,
        management_uri=str(management).rstrip("/"),
        realm=None if realm is None else resolve(realm, f"{path}.realm"),
        credential=credential if isinstance(credential, Reference) else None,
        scope=str(settings.get("scope")),
    )


def _catalog(name: str, settings: Settings, manage: Settings, path: str, resolve: Resolve) -> CatalogState:
    storage = cast("Settings", settings.get("storage"))
    kind = str(storage.get("type"))
    location = str(manage.get("location") or storage.get("location") or f"file://{storage.get('path')}")
    told: dict[str, str | bool] = {}
    server = manage.get("server_storage")
    for part, words, where in (
        (storage, _STORAGE[kind], f"{path}.storage"),
        (
            server if isinstance(server, Settings) else Settings(),
            _SERVER_STORAGE[kind],
            f"{path}.manage.server_storage",
        ),
    ):
        for ours, theirs in words.items():
            value = part.get(ours)
            if value is not None:
                told[theirs] = value if isinstance(value, bool) else resolve(value, f"{where}.{ours}")
    if kind == "s3" and "endpoint" in told:
        told.setdefault("stsUnavailable", True)
    return CatalogState(
        name=name,
        location=location,
        allowed=tuple(sorted({location, *_texts(manage.get("allowed_locations"))})),
        storage_type=_TYPES[kind],
        storage=tuple(sorted((word, value) for word, value in told.items() if value is not False)),
        properties=tuple(sorted((key, str(value)) for key, value in _items(manage.get("properties")))),
    )


def _items(value: Setting | None) -> tuple[tuple[str, Setting], ...]:
    return value.items if isinstance(value, Settings) else ()


def _texts(value: Setting | None) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, tuple) else ()
