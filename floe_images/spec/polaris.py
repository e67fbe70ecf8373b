"""``catalogs.NAME.manage``: what floe makes and keeps in an Apache Polaris server."""

# No `from __future__ import annotations`: pydantic would compile each annotation out of its text at every start.
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from floe_images.spec.values import Line, Name, Secret, SecretRef, Setting, Strict, Url, matching

Privilege = Annotated[str, matching("[A-Z]+(?:_[A-Z]+)*", "a privilege in Polaris' words")]
Property = Annotated[str, matching("[A-Za-z0-9][A-Za-z0-9._-]*", "the name of a property")]

# What a server makes of itself, and what would be taken from it by saying that it has this and nothing else.
_POLARIS_OWN = frozenset({"catalog_admin", "service_admin", "root"})


class ServerStorage(Strict):
    """What the server is told of the storage beside what its clients are."""

    endpoint_internal: Url | None = Field(
        default=None, description="S3 address that the server itself uses; storage.endpoint unless it is given."
    )
    sts_endpoint: Url | None = Field(default=None, description="Address of the security token service.")
    sts_unavailable: bool | None = Field(
        default=None,
        description="Whether the store has no security token service, so that the catalog vends no credentials; "
        "unless it is given, true where storage.endpoint is.",
    )
    external_id: Setting | None = Field(default=None, description="External id that AWS' trust policy asks for.")
    service_account: Setting | None = Field(default=None, description="Google service account that the server acts as.")
    hierarchical: bool | None = Field(
        default=None, description="Whether the Azure account has hierarchical namespaces."
    )


class ManagedPrincipal(Strict):
    """Somebody who logs in to Polaris."""

    credential: SecretRef = Field(
        description="Secret that its client id and secret, ID:SECRET, are written to when Polaris makes them."
    )
    principal_roles: tuple[Name, ...] = Field(min_length=1, description="Principal roles that it has, and no others.")


class ManagedPrincipalRole(Strict):
    """A role of principals."""

    catalog_roles: tuple[Name, ...] = Field(min_length=1, description="Roles that it has in this catalog.")


class ManagedCatalogRole(Strict):
    """A role in this catalog."""

    privileges: tuple[Privilege, ...] = Field(
        min_length=1, description="Privileges on the whole catalog, such as CATALOG_MANAGE_CONTENT, and no others."
    )


class ManagedPolaris(Strict):
    """The catalog in Polaris with its principals, roles and grants, as `floe catalog apply` makes them."""

    credential: Secret | None = Field(
        default=None, description="Client id and secret, ID:SECRET, of a principal that may do all this: root's."
    )
    uri: Url | None = Field(
        default=None, description="Address of the management API; made from the catalog's uri unless it is given."
    )
    location: Line | None = Field(default=None, description="Where tables lie; storage's location unless it is given.")
    allowed_locations: tuple[Line, ...] = Field(default=(), description="Other locations that tables may lie in.")
    properties: dict[Property, Line] = Field(default={}, description="Properties of the catalog.")
    server_storage: ServerStorage = Field(
        default_factory=ServerStorage.model_construct, description="What the server alone is told of the storage."
    )
    principals: dict[Name, ManagedPrincipal] | None = Field(
        default=None, description="Principals, by name; unless given one for the pipeline, named PROJECT-CATALOG."
    )
    principal_roles: dict[Name, ManagedPrincipalRole] | None = Field(
        default=None, description="Principal roles, by name; unless given one with all catalog roles."
    )
    catalog_roles: dict[Name, ManagedCatalogRole] | None = Field(
        default=None, description="Catalog roles, by name; unless given one, pipeline, with CATALOG_MANAGE_CONTENT."
    )

    @model_validator(mode="after")
    def _names_are_known(self) -> "ManagedPolaris":
        for named in (self.catalog_roles, self.principal_roles, self.principals):
            for own in _POLARIS_OWN.intersection(named or ()):
                raise PydanticCustomError("managed", "{own} is Polaris' own", {"own": own})
        if self.catalog_roles is not None and self.principal_roles is not None:
            for role, its in self.principal_roles.items():
                _among(its.catalog_roles, self.catalog_roles, f"principal_roles.{role}", "catalog_roles")
        if self.principal_roles is not None and self.principals is not None:
            for name, principal in self.principals.items():
                _among(principal.principal_roles, self.principal_roles, f"principals.{name}", "principal_roles")
        if self.principal_roles is None and self.principals is not None:
            raise PydanticCustomError("managed", "names principals, and so must name principal_roles")
        if self.catalog_roles is None and self.principal_roles is not None:
            raise PydanticCustomError("managed", "names principal_roles, and so must name catalog_roles")
        return self


def _among(names: tuple[str, ...], known: Mapping[str, object], who: str, of: str) -> None:
    if any(name not in known for name in names):
        raise PydanticCustomError("managed", "{who} has a role that {of} does not name", {"who": who, "of": of})
