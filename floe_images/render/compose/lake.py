"""What floe.yaml asks of floe's own lake: who may come in, and which warehouses there are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from floe_images.artifacts.model import CatalogArtifact, CompiledArtifacts, Reference, Setting, Settings
from floe_images.errors import ProjectError
from floe_images.render.compose.model import Port
from floe_images.render.compose.recipes import ServiceAsked

HOST = "lake"
IDENTITIES = "lake-identities"  # the secret that the recipe asks for
_ACCOUNT = "000000000000"
_ACTIONS = ("Admin", "List", "Read", "Tagging", "Write")

#: (path in floe.yaml, reference) → value
LookUp = Callable[[str, Reference], str]


def ask_lake(
    artifacts: CompiledArtifacts, *, memory: int | None, port: int | None, s3_port: int | None
) -> ServiceAsked:
    """Raises ProjectError for what a service of floe's own cannot take."""
    published = ((port, 8181), (s3_port, 8333))
    return ServiceAsked(
        init_env=(("FLOE_BUCKETS", " ".join(sorted(set(_warehouses(artifacts))))),),
        init_secrets=(IDENTITIES,),
        secrets=(IDENTITIES,),
        ports=tuple(Port(host=host, container=inner) for host, inner in published if host),
        memory=memory,
    )


def lake_identities(artifacts: CompiledArtifacts, look_up: LookUp) -> bytes:
    """SeaweedFS' table of key pairs: one identity with every pair that floe.yaml refers to.

    https://github.com/seaweedfs/seaweedfs/wiki/Amazon-S3-API. Raises ProjectError, and what ``look_up`` does.
    """
    pairs = sorted(set(_pairs(artifacts, look_up)))
    identity = {
        "name": "floe",
        "account": {"id": _ACCOUNT},
        "credentials": [{"accessKey": key, "secretKey": secret} for key, secret in pairs],
        "actions": list(_ACTIONS),
    }
    return json.dumps({"identities": [identity]}, indent=1).encode()


def _pairs(artifacts: CompiledArtifacts, look_up: LookUp) -> Iterator[tuple[str, str]]:
    for catalog in artifacts.catalogs:
        path, storage = f"catalogs.{catalog.name}", catalog.settings.get("storage")
        if _here(catalog.settings, "uri"):
            pair = _value(f"{path}.credential", catalog.settings.get("credential"), look_up)
            key, colon, secret = pair.partition(":")
            if not (key and colon and secret):
                raise ProjectError(f"{path}.credential is not of the form ID:SECRET")
            yield key, secret
        if isinstance(storage, Settings) and _here(storage, "endpoint"):
            yield (
                _value(f"{path}.storage.access_key_id", storage.get("access_key_id"), look_up),
                _value(f"{path}.storage.secret_access_key", storage.get("secret_access_key"), look_up),
            )


def _value(path: str, setting: Setting | None, look_up: LookUp) -> str:
    if isinstance(setting, Reference):
        return look_up(path, setting)
    if isinstance(setting, str):
        return setting
    raise ProjectError(f"{path} is needed: floe's own lake lets nobody in without a key pair")


def check_location(artifacts: CompiledArtifacts, catalog: CatalogArtifact) -> None:
    """A warehouse of the lake's own catalog takes no files of another catalog's; any other bucket is made by the first
    write. Raises ProjectError."""
    storage = catalog.settings.get("storage")
    if isinstance(storage, Settings) and _here(storage, "endpoint"):
        bucket = urlsplit(str(storage.get("location") or "")).hostname
        if bucket in set(_warehouses(artifacts)):
            raise ProjectError(
                f"catalogs.{catalog.name}.storage.location is in {bucket}, a warehouse of the lake's own catalog",
                hint="choose another bucket: it is made by the first write",
            )


def _warehouses(artifacts: CompiledArtifacts) -> Iterator[str]:
    for catalog in artifacts.catalogs:
        if _here(catalog.settings, "uri"):
            yield _warehouse(catalog)


def _warehouse(catalog: CatalogArtifact) -> str:
    found = catalog.settings.get("warehouse")
    if not isinstance(found, str):
        raise ProjectError(
            f"catalogs.{catalog.name}.warehouse has to be written out: floe makes it in its own lake before "
            "anything starts"
        )
    return found.removeprefix("s3://").strip("/")


def _here(settings: Settings, key: str) -> bool:
    found = settings.get(key)
    return isinstance(found, str) and urlsplit(found).hostname == HOST
