"""Apache Polaris as a container: configured by files alone, its entries in floe's own PostgreSQL.

Sources: https://github.com/apache/polaris 1.7.0, ``runtime/defaults/src/main/resources/application.properties`` (the
settings), ``runtime/server/src/main/docker/Dockerfile.jvm`` (user, ports), ``ServiceProducers`` (root's credential is a
setting from 1.5 on, and a realm that is there already is left alone from 1.7 on); https://smallrye.io/smallrye-config,
``config-sources/locations.md``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from floe_images.artifacts.model import CatalogArtifact, CompiledArtifacts, Reference, Setting, Settings
from floe_images.errors import ProjectError
from floe_images.plan.polaris import DATABASE_SECRET, TOKEN_KEY, catalogs_here
from floe_images.render.compose.lake import check_location
from floe_images.render.compose.model import INSIDE, MEBIBYTE, OUTSIDE, ComposeService, Need, Port, Tmpfs

#: Secrets that are made of floe.yaml's: Polaris' settings, and the key pair of its S3 store as AWS' SDK reads it.
SETTINGS, KEYS = "polaris.properties", "polaris-aws"
#: The image's own user: it has its files and its line in /etc/passwd.
USER = "10000:10001"
READY = "http://127.0.0.1:8182/q/health/ready"
_DATABASE = "polaris"  # and its owner's name
_MEMORY = 768 * MEBIBYTE
_HEAP = 50  # per cent of the memory; what a JVM needs beside its heap is 150 to 200 MB here
_REALM, _REGION = "POLARIS", "us-east-1"
_STORAGES = {"s3": "S3", "gcs": "GCS"}
# What neither a properties file, nor SmallRye's expressions, nor Polaris' list of credentials takes for something else.
_PLAIN = re.compile(r"[A-Za-z0-9_.~+/=@-]+")

#: (path in floe.yaml, reference) → value
LookUp = Callable[[str, Reference], str]


@dataclass(frozen=True, kw_only=True)
class PolarisSettings:
    """``root`` is ID:SECRET; ``password`` that of its database, None: it keeps nothing. ``storages`` in its words."""

    realm: str = _REALM
    root: str = field(repr=False)
    password: str | None = field(repr=False)
    storages: tuple[str, ...] = ("S3",)


def polaris_service(
    artifacts: CompiledArtifacts, *, image: str, memory: int | None, port: int | None, services: Collection[str]
) -> ComposeService:
    """``services`` are the names of floe's own that run beside it. Raises ProjectError for what it cannot be."""
    here = _check(artifacts, services)
    storages = [storage for _, storage in _storages(here)]
    keys = any(storage.get("access_key_id") is not None for storage in storages)
    google = sorted({key.name for each in storages if isinstance(key := each.get("credentials"), Reference)})
    hosts = {_host(catalog) for catalog in here}
    return ComposeService(
        name="polaris",
        image=image,
        user=USER,
        environment=polaris_environment(
            region=_one(here, "region", _REGION), keys=keys, google=google[0] if google else None
        ),
        secrets=tuple(sorted((SETTINGS, TOKEN_KEY, *((KEYS,) if keys else ()), *google))),
        tmpfs=(Tmpfs(path="/tmp", size=64 * MEBIBYTE),),  # noqa: S108  the container's own
        ports=(Port(host=port, container=8181),) if port else (),
        needs=tuple(Need(service=name, condition="healthy") for name in sorted({"postgres"} | hosts & set(services))),
        healthcheck=polaris_health(),
        networks=(INSIDE, OUTSIDE) if port or not hosts <= set(services) else (INSIDE,),
        memory=memory or _MEMORY,
    )


def polaris_environment(
    *, region: str = _REGION, keys: bool = False, google: str | None = None
) -> tuple[tuple[str, str], ...]:
    """Names of files and what is no secret; ``google`` is the secret that holds a service account's key."""
    found = {
        "AWS_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "JAVA_MAX_MEM_RATIO": str(_HEAP),
        "SMALLRYE_CONFIG_LOCATIONS": f"/run/secrets/{SETTINGS}",
    }
    if keys:
        found["AWS_SHARED_CREDENTIALS_FILE"] = f"/run/secrets/{KEYS}"
    if google:
        found["GOOGLE_APPLICATION_CREDENTIALS"] = f"/run/secrets/{google}"
    return tuple(sorted(found.items()))


def polaris_health() -> tuple[str, ...]:
    """``curl`` is in Red Hat's image that Polaris' stands on; its own compose files ask in this way."""
    return ("curl", "--fail", "--silent", "--show-error", "--max-time", "5", "--output", "/dev/null", READY)


def polaris_properties(settings: PolarisSettings) -> bytes:
    """The file that SMALLRYE_CONFIG_LOCATIONS names. Raises ProjectError for a secret that the file cannot carry."""
    identity, _, secret = settings.root.partition(":")
    realm = _plain(settings.realm, "the realm of floe's own Polaris")
    words = {
        "polaris.authentication.token-broker.type": "symmetric-key",  # nobody else has to check its tokens
        "polaris.authentication.token-broker.symmetric-key.file": f"/run/secrets/{TOKEN_KEY}",
        "polaris.bootstrap.credentials": ",".join(
            (realm, _plain(identity, "the id of Polaris' root"), _plain(secret, "the secret of Polaris' root"))
        ),
        'polaris.features."SUPPORTED_CATALOG_STORAGE_TYPES"': "["
        + ",".join(f'"{each}"' for each in settings.storages)
        + "]",
        "polaris.persistence.auto-bootstrap-types": "in-memory,relational-jdbc",
        "polaris.persistence.type": "in-memory" if settings.password is None else "relational-jdbc",
        "polaris.realm-context.realms": realm,
        "quarkus.log.file.enabled": "false",
    }
    if settings.password is not None:
        words |= {
            "quarkus.datasource.jdbc.url": f"jdbc:postgresql://postgres:5432/{_DATABASE}",
            "quarkus.datasource.password": _plain(settings.password, f"the secret {DATABASE_SECRET}"),
            "quarkus.datasource.username": _DATABASE,
        }
    return "\n".join(f"{name}={value}" for name, value in sorted(words.items())).encode()


def polaris_files(artifacts: CompiledArtifacts, look_up: LookUp) -> Iterator[tuple[str, bytes]]:
    """The secrets that are made of others: (name, content). Raises ProjectError, and what ``look_up`` does."""
    here = catalogs_here(artifacts)
    own = Reference(kind="secret", name=DATABASE_SECRET)
    settings = PolarisSettings(
        realm=_realm(here, look_up),
        root=_root(here, look_up),
        password=look_up("services.polaris", own),
        storages=tuple(sorted({_STORAGES[str(storage.get("type"))] for _, storage in _storages(here)})),
    )
    yield SETTINGS, polaris_properties(settings)
    pairs = {
        tuple(_text(f"{path}.{key}", storage.get(key), look_up) for key in ("access_key_id", "secret_access_key"))
        for path, storage in _storages(here)
        if storage.get("access_key_id") is not None
    }
    if len(pairs) > 1:
        raise ProjectError("floe's own Polaris has one key pair for S3, and its catalogs name several")
    for key, secret in pairs:
        yield KEYS, f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}".encode()


def polaris_database() -> tuple[str, Settings]:
    """What Polaris asks of floe's own PostgreSQL."""
    password = Reference(kind="secret", name=DATABASE_SECRET)
    return "services.polaris", Settings((("database", _DATABASE), ("password", password), ("user", _DATABASE)))


def _check(artifacts: CompiledArtifacts, services: Collection[str]) -> tuple[CatalogArtifact, ...]:
    here = tuple(each for each in catalogs_here(artifacts) if isinstance(each.settings.get("manage"), Settings))
    if "postgres" not in services:
        raise ProjectError(
            "services.polaris keeps its entries in floe's own PostgreSQL, and there is none",
            hint="add `postgres: {}` to services",
        )
    if not here:
        raise ProjectError(
            "services.polaris is there, and no catalog with `manage` is at http://polaris:8181",
            hint="catalogs.NAME.manage says what floe makes in it, and its credential is root's",
        )
    for catalog in here:
        if catalog.settings.get("authentication") == "none":
            raise ProjectError(
                f"catalogs.{catalog.name}: floe's own Polaris asks everybody who is there",
                hint="leave out authentication: none, and give credential and manage.credential",
            )
        check_location(artifacts, catalog)
    for path, storage in _storages(here):
        if storage.get("type") not in _STORAGES:
            raise ProjectError(
                f"{path}: floe's own Polaris keeps tables in S3 or a store like it, or in GCS, and not in "
                f"{storage.get('type')}",
                hint="`services: {lake: {}}` brings an S3 store; a Polaris of your own may do more",
            )
    return here


def _storages(catalogs: Collection[CatalogArtifact]) -> Iterator[tuple[str, Settings]]:
    for catalog in catalogs:
        storage = catalog.settings.get("storage")
        if isinstance(storage, Settings):
            yield f"catalogs.{catalog.name}.storage", storage


def _host(catalog: CatalogArtifact) -> str:
    """The catalog's store as the server reaches it; "" where it is the provider's own."""
    manage, storage = catalog.settings.get("manage"), catalog.settings.get("storage")
    told = manage.get("server_storage") if isinstance(manage, Settings) else None
    for settings, key in ((told, "endpoint_internal"), (storage, "endpoint")):
        found = settings.get(key) if isinstance(settings, Settings) else None
        if isinstance(found, str):
            return urlsplit(found).hostname or ""
    return ""


def _realm(here: Collection[CatalogArtifact], look_up: LookUp) -> str:
    found = {_text(f"catalogs.{each.name}.realm", each.settings.get("realm") or _REALM, look_up) for each in here}
    if len(found) > 1:
        raise ProjectError("floe's own Polaris has one realm, and its catalogs name several")
    return found.pop()


def _root(here: Collection[CatalogArtifact], look_up: LookUp) -> str:
    found = set()
    for each in here:
        manage = each.settings.get("manage")
        if isinstance(manage, Settings):
            path = f"catalogs.{each.name}.manage.credential"
            value = _text(path, manage.get("credential"), look_up)
            if not re.fullmatch(r"[^:]+:.+", value):
                raise ProjectError(f"{path} is not of the form ID:SECRET")
            found.add(value)
    if len(found) > 1:
        raise ProjectError("floe's own Polaris has one root, and its catalogs' manage.credential name several")
    return found.pop()


def _one(here: Collection[CatalogArtifact], key: str, default: str) -> str:
    found = {value for _, storage in _storages(here) if isinstance(value := storage.get(key), str)}
    if len(found) > 1:
        raise ProjectError(f"floe's own Polaris has one {key} for S3, and its catalogs name several")
    return found.pop() if found else default


def _text(path: str, setting: Setting | None, look_up: LookUp) -> str:
    if isinstance(setting, Reference):
        return look_up(path, setting)
    if isinstance(setting, str):
        return setting
    raise ProjectError(f"{path} is needed")


def _plain(value: str, what: str) -> str:
    if not _PLAIN.fullmatch(value):
        raise ProjectError(f"{what} has a character that Polaris' settings cannot carry: letters, digits, _.~+/=@-")
    return value
