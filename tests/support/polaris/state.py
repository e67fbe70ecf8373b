"""What the double holds. Two stores differ where Polaris' own differ; nothing here is about HTTP."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.polaris.answers import READ, error

StoreName = Literal["in-memory", "relational-jdbc"]


@dataclass
class Principal:
    document: dict[str, Any]
    client_id: str
    secret: str
    former: str | None = None  # works until the next rotation
    roles: list[str] = field(default_factory=list)


@dataclass
class Catalog:
    document: dict[str, Any]
    roles: dict[str, dict[str, Any]] = field(default_factory=dict)
    grants: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # by catalog role
    assigned: dict[str, list[str]] = field(default_factory=dict)  # principal role → catalog roles
    namespaces: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)


@dataclass
class State:
    """``version`` is (1, 4, 1) or later; ``file_storage``: the three settings that FILE needs are set."""

    store: StoreName
    version: tuple[int, ...]
    file_storage: bool
    principals: dict[str, Principal] = field(default_factory=dict)
    principal_roles: dict[str, dict[str, Any]] = field(default_factory=dict)
    catalogs: dict[str, Catalog] = field(default_factory=dict)

    def clear(self) -> None:
        for held in (self.principals, self.principal_roles, self.catalogs):
            held.clear()

    def bootstrap(self, client_id: str, secret: str) -> None:
        self.principal_roles["service_admin"] = stamped({"name": "service_admin"})
        self.principals["root"] = Principal(
            document=stamped({"name": "root", "clientId": client_id}),
            client_id=client_id,
            secret=secret,
            roles=["service_admin"],
        )

    def catalog(self, name: str) -> Catalog:
        return _found(self.catalogs, name, f"Catalog {name}")

    def principal(self, name: str) -> Principal:
        return _found(self.principals, name, f"Principal {name}")

    def principal_role(self, name: str) -> dict[str, Any]:
        return _found(self.principal_roles, name, f"PrincipalRole {name}")

    def catalog_role(self, catalog: str, name: str) -> dict[str, Any]:
        return _found(self.catalog(catalog).roles, name, f"CatalogRole {name}")

    def client(self, client_id: str) -> tuple[str, Principal] | None:
        return next((each for each in self.principals.items() if each[1].client_id == client_id), None)

    def add(self, held: list[Any], item: Any) -> str | None:
        """Put what is granted or assigned into ``held``; where a repetition's answer is known from, None for a first.

        In memory a repetition is nothing; the relational store runs into its primary key, until 1.7.
        """
        if item not in held:
            held.append(item)
            return None
        if self.store == "relational-jdbc" and self.version < (1, 7):
            raise error(
                500,
                "RuntimeException",
                "Failed to write grant records: ERROR: duplicate key value violates unique constraint",
            )
        return READ if self.store == "relational-jdbc" else None

    def privileges(self, principal: Principal, catalog: str) -> set[str]:
        """What it may do in a catalog, by way of its roles."""
        its = self.catalogs[catalog]
        through = {role for each in principal.roles for role in its.assigned.get(each, ())}
        return {grant["privilege"] for role in through for grant in its.grants.get(role, ())}


def stamped(document: dict[str, Any]) -> dict[str, Any]:
    """A new entity: version 1, times in milliseconds."""
    now = int(time.time() * 1000)
    return {**document, "createTimestamp": now, "lastUpdateTimestamp": now, "entityVersion": 1}


def changed(document: dict[str, Any], **parts: Any) -> dict[str, Any]:
    now = int(time.time() * 1000)
    return {**document, **parts, "lastUpdateTimestamp": now, "entityVersion": document["entityVersion"] + 1}


def new_client_id() -> str:
    return secrets.token_hex(8)


def new_secret() -> str:
    return secrets.token_hex(16)


def _found(held: dict[str, Any], name: str, what: str) -> Any:
    if name not in held:
        raise error(404, "NotFoundException", f"{what} not found")
    return held[name]
