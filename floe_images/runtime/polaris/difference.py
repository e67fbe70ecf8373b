"""Two states of a Polaris → the changes between them, in the order in which they can be made. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TypeVar

from floe_images.errors import ProjectError
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
from floe_images.runtime.polaris.state import CatalogState, PolarisState, PrincipalState

_T = TypeVar("_T")


def difference(desired: PolarisState, observed: PolarisState) -> tuple[Change, ...]:
    """What makes ``observed`` what ``desired`` says; nothing where it is.

    What is made comes before what refers to it, and what is given before what is taken. Nothing is deleted. Raise
    ProjectError for what no request can change: another storage type, a catalog that is not Polaris' own.
    """
    return (*_catalogs(desired, observed), *_principals(desired, observed), *_revokes(desired, observed))


def _catalogs(desired: PolarisState, observed: PolarisState) -> Iterator[Change]:
    for catalog in desired.catalogs:
        there = observed.catalog(catalog.name)
        if there is None:
            yield CreateCatalog(catalog=catalog)
        else:
            yield from _update(catalog, there)
    for role in desired.catalog_roles:
        its = observed.catalog_role(role.catalog, role.name)
        if its is None:
            yield CreateCatalogRole(catalog=role.catalog, role=role.name)
        for privilege in _more(role.privileges, its.privileges if its else ()):
            yield Grant(catalog=role.catalog, role=role.name, privilege=privilege)
    for each in desired.principal_roles:
        found = observed.principal_role(each.name)
        if found is None:
            yield CreatePrincipalRole(role=each.name)
        for of, name in _more(each.catalog_roles, found.catalog_roles if found else ()):
            yield AssignCatalogRole(principal_role=each.name, catalog=of, role=name)


def _principals(desired: PolarisState, observed: PolarisState) -> Iterator[Change]:
    for principal in desired.principals:
        there = observed.principal(principal.name)
        if there is None:
            yield CreatePrincipal(principal=principal.name, secret=principal.secret)
        elif there.credential != "kept":
            yield _reset(there)
        for role in _more(principal.roles, there.roles if there else ()):
            yield AssignPrincipalRole(principal=principal.name, role=role)


def _revokes(desired: PolarisState, observed: PolarisState) -> Iterator[Change]:
    for principal in desired.principals:
        there = observed.principal(principal.name)
        for role in _more(there.roles if there else (), principal.roles):
            yield RevokePrincipalRole(principal=principal.name, role=role)
    for each in desired.principal_roles:
        found = observed.principal_role(each.name)
        for of, name in _more(found.catalog_roles if found else (), each.catalog_roles):
            yield RevokeCatalogRole(principal_role=each.name, catalog=of, role=name)
    for its in desired.catalog_roles:
        now = observed.catalog_role(its.catalog, its.name)
        for privilege in _more(now.privileges if now else (), its.privileges):
            yield Revoke(catalog=its.catalog, role=its.name, privilege=privilege)


def _reset(there: PrincipalState) -> ResetCredential:
    return ResetCredential(principal=there.name, secret=there.secret, why=there.credential)


def _update(catalog: CatalogState, there: CatalogState) -> Iterator[Change]:
    if there.kind != catalog.kind:
        raise ProjectError(
            f"the catalog {catalog.name} is there already, and it is {there.kind}: another catalog's door",
            hint="give warehouse another name",
        )
    if there.storage_type != catalog.storage_type:
        raise ProjectError(
            f"the catalog {catalog.name} lies on {there.storage_type} and floe.yaml says {catalog.storage_type}, which "
            "no Polaris changes",
            hint="give warehouse another name, or delete the catalog",
        )
    why = []
    if there.location != catalog.location:
        why.append(f"location {there.location} becomes {catalog.location}")
    if there.allowed != catalog.allowed:
        why.append(f"allowed locations become {', '.join(catalog.allowed)}")
    properties = {**dict(there.properties), **dict(catalog.properties)}
    why += _words(dict(there.properties), properties)
    # Only what floe.yaml can say is compared; a server adds words of its own, such as AWS' userArn.
    why += _words(dict(there.storage), dict(catalog.storage))
    if why:
        final = dataclasses.replace(catalog, properties=tuple(sorted(properties.items())), version=there.version)
        yield UpdateCatalog(catalog=final, why=tuple(why))


def _words(before: dict[str, str] | dict[str, str | bool], after: dict[str, str] | dict[str, str | bool]) -> list[str]:
    return [
        f"{key} becomes {_shown(after.get(key))}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]


def _shown(value: object) -> str:
    return "unset" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _more(first: tuple[_T, ...], second: tuple[_T, ...]) -> Iterator[_T]:
    return (each for each in first if each not in second)
