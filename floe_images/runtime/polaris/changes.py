"""What can be changed in a Polaris, one request a value."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from floe_images.runtime.polaris.state import CatalogState


@dataclass(frozen=True, kw_only=True)
class Change:
    """One request to the server. ``str`` of it is a line for people."""

    action: ClassVar[str]


@dataclass(frozen=True, kw_only=True)
class CreateCatalog(Change):
    action: ClassVar[str] = "create catalog"
    catalog: CatalogState

    def __str__(self) -> str:
        return f"create the catalog {self.catalog.name} at {self.catalog.location}, {self.catalog.storage_type}"


@dataclass(frozen=True, kw_only=True)
class UpdateCatalog(Change):
    """``catalog`` is all of the catalog as it will be, with the version that it is now of; ``why`` is a line each."""

    action: ClassVar[str] = "update catalog"
    catalog: CatalogState
    why: tuple[str, ...]

    def __str__(self) -> str:
        return f"update the catalog {self.catalog.name}: {'; '.join(self.why)}"


@dataclass(frozen=True, kw_only=True)
class CreateCatalogRole(Change):
    action: ClassVar[str] = "create catalog role"
    catalog: str
    role: str

    def __str__(self) -> str:
        return f"create the role {self.role} in the catalog {self.catalog}"


@dataclass(frozen=True, kw_only=True)
class Grant(Change):
    action: ClassVar[str] = "grant"
    catalog: str
    role: str
    privilege: str

    def __str__(self) -> str:
        return f"grant {self.privilege} on the catalog {self.catalog} to its role {self.role}"


@dataclass(frozen=True, kw_only=True)
class CreatePrincipalRole(Change):
    action: ClassVar[str] = "create principal role"
    role: str

    def __str__(self) -> str:
        return f"create the principal role {self.role}"


@dataclass(frozen=True, kw_only=True)
class AssignCatalogRole(Change):
    action: ClassVar[str] = "assign catalog role"
    principal_role: str
    catalog: str
    role: str

    def __str__(self) -> str:
        return f"assign the role {self.role} of the catalog {self.catalog} to the principal role {self.principal_role}"


@dataclass(frozen=True, kw_only=True)
class CreatePrincipal(Change):
    action: ClassVar[str] = "create principal"
    principal: str
    secret: str

    def __str__(self) -> str:
        return f"create the principal {self.principal} and write its credential to the secret {self.secret}"


@dataclass(frozen=True, kw_only=True)
class ResetCredential(Change):
    """``why`` is ``missing`` or ``refused``."""

    action: ClassVar[str] = "reset credential"
    principal: str
    secret: str
    why: str

    def __str__(self) -> str:
        reason = "is not there" if self.why == "missing" else "is not its credential"
        return f"reset the credential of the principal {self.principal}: the secret {self.secret} {reason}"


@dataclass(frozen=True, kw_only=True)
class AssignPrincipalRole(Change):
    action: ClassVar[str] = "assign principal role"
    principal: str
    role: str

    def __str__(self) -> str:
        return f"assign the principal role {self.role} to {self.principal}"


@dataclass(frozen=True, kw_only=True)
class RevokePrincipalRole(Change):
    action: ClassVar[str] = "revoke principal role"
    principal: str
    role: str

    def __str__(self) -> str:
        return f"revoke the principal role {self.role} from {self.principal}"


@dataclass(frozen=True, kw_only=True)
class RevokeCatalogRole(Change):
    action: ClassVar[str] = "revoke catalog role"
    principal_role: str
    catalog: str
    role: str

    def __str__(self) -> str:
        return (
            f"revoke the role {self.role} of the catalog {self.catalog} from the principal role {self.principal_role}"
        )


@dataclass(frozen=True, kw_only=True)
class Revoke(Change):
    action: ClassVar[str] = "revoke"
    catalog: str
    role: str
    privilege: str

    def __str__(self) -> str:
        return f"revoke {self.privilege} on the catalog {self.catalog} from its role {self.role}"


def document(change: Change) -> dict[str, object]:
    """For scripts: ``change`` names the kind, ``says`` is the line for people, the rest are the value's own."""
    return {"change": change.action, "says": str(change), **dataclasses.asdict(change)}
