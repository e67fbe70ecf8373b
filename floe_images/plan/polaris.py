"""Which catalogs are in floe's own Polaris, and what secrets it has that floe.yaml does not name."""

from __future__ import annotations

from urllib.parse import urlsplit

from floe_images.artifacts.model import CatalogArtifact, CompiledArtifacts, Reference, Settings

HOST = "polaris"
#: The password of its role in floe's own PostgreSQL, and what it signs tokens with.
DATABASE_SECRET, TOKEN_KEY = "polaris-database", "polaris-token-key"


def is_here(uri: object) -> bool:
    """Whether an address is that of floe's own Polaris, as the platform's network knows it."""
    return isinstance(uri, str) and urlsplit(uri).hostname == HOST


def catalogs_here(artifacts: CompiledArtifacts) -> tuple[CatalogArtifact, ...]:
    """Those whose address is floe's own Polaris, managed or not."""
    return tuple(each for each in artifacts.catalogs if each.type == "polaris" and is_here(each.settings.get("uri")))


def made_there(catalog: CatalogArtifact) -> dict[str, str]:
    """Path in floe.yaml → secret, of each credential that a managed Polaris makes; nothing for one that is not."""
    manage, path = catalog.settings.get("manage"), f"catalogs.{catalog.name}"
    if not isinstance(manage, Settings):
        return {}
    principals = manage.get("principals")
    if not isinstance(principals, Settings):
        credential = catalog.settings.get("credential")
        return {f"{path}.credential": credential.name} if isinstance(credential, Reference) else {}
    found = {}
    for name, principal in principals.items:
        credential = principal.get("credential") if isinstance(principal, Settings) else None
        if isinstance(credential, Reference):
            found[f"{path}.manage.principals.{name}.credential"] = credential.name
    return found
