"""Which secrets floe.yaml names, who looks them up, and which of them floe makes, since a service of its own asks."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from floe_images.artifacts.model import CompiledArtifacts, Settings
from floe_images.artifacts.secrets import references
from floe_images.plan.polaris import DATABASE_SECRET, HOST, TOKEN_KEY, is_here, made_there

#: What a made secret looks like: one word, an access key's id, ID:SECRET, root:SECRET; or a Polaris that floe.yaml
#: manages makes it, when `floe catalog apply` asks for it.
Form = Literal["password", "key_id", "pair", "root", "polaris"]


@dataclass(frozen=True, kw_only=True)
class NamedSecret:
    """``settings`` are the paths in floe.yaml that refer to it; ``service`` is who of floe's own it is for, if any."""

    name: str
    kind: Literal["secret", "env"]
    settings: tuple[str, ...]
    service: str | None = None
    form: Form | None = None


def named_secrets(artifacts: CompiledArtifacts, services: Collection[str]) -> tuple[NamedSecret, ...]:
    """By name. ``services`` are the names of floe's own services that run beside the pipeline."""
    owned = _owned(artifacts, services)
    found: dict[str, NamedSecret] = {}
    for setting, reference in references(artifacts):
        before = found.get(reference.name)
        service, form = owned.get(setting, (None, None))
        found[reference.name] = NamedSecret(
            name=reference.name,
            kind=reference.kind,
            settings=(*(before.settings if before else ()), setting),
            service=service or (before.service if before else None),
            form=form or (before.form if before else None),
        )
    if HOST in services:
        for name in (DATABASE_SECRET, TOKEN_KEY):
            found[name] = NamedSecret(
                name=name, kind="secret", settings=("services.polaris",), service=HOST, form="password"
            )
    return tuple(found[name] for name in sorted(found))


def make_value(form: Form) -> str:
    """A new value, from the operating system's random numbers. Raises ValueError for what somebody else makes."""
    if form == "password":
        return secrets.token_urlsafe(32)
    if form == "key_id":
        return secrets.token_hex(10)
    if form == "pair":
        return f"{make_value('key_id')}:{make_value('password')}"
    if form == "root":
        return f"root:{make_value('password')}"
    raise ValueError(form)


def _owned(artifacts: CompiledArtifacts, services: Collection[str]) -> dict[str, tuple[str | None, Form]]:
    """Path in floe.yaml → the service that asks for the secret (None: somebody else's), and its form."""
    found: dict[str, tuple[str | None, Form]] = {}
    if "postgres" in services:
        databases = {f"targets.{target.name}": target.settings for target in artifacts.targets}
        databases["orchestration.metadata"] = artifacts.orchestration.metadata
        for path, settings in databases.items():
            if settings.get("host") == "postgres":
                found[f"{path}.password"] = ("postgres", "password")
    for catalog in artifacts.catalogs:
        path, storage = f"catalogs.{catalog.name}", catalog.settings.get("storage")
        if "lake" in services and _host(catalog.settings, "uri") == "lake":
            found[f"{path}.credential"] = ("lake", "pair")
        if "lake" in services and isinstance(storage, Settings) and _host(storage, "endpoint") == "lake":
            found[f"{path}.storage.access_key_id"] = ("lake", "key_id")
            found[f"{path}.storage.secret_access_key"] = ("lake", "password")
        ours = HOST if HOST in services and is_here(catalog.settings.get("uri")) else None
        for setting in made_there(catalog):
            found[setting] = (ours, "polaris")
        if ours:
            found[f"{path}.manage.credential"] = (ours, "root")
    return found


def _host(settings: Settings, key: str) -> str | None:
    found = settings.get(key)
    return urlsplit(found).hostname if isinstance(found, str) else None
