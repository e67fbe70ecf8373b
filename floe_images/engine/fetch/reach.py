"""How the outside is reached: floe.yaml's mirrors and the machine's configuration, put together once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from floe_images.engine.fetch.certificates import certificate_files
from floe_images.engine.fetch.http import Credential, Http, HttpSettings, origin_of
from floe_images.engine.fetch.index_files import Named
from floe_images.engine.fetch.indexes import IndexSettings, find_indexes
from floe_images.engine.redact import Secret
from floe_images.engine.resolve.debian_mirrors import DebianMirrors, find_debian_mirrors
from floe_images.errors import MirrorRefusedError, UsageError
from floe_images.spec.image import Mirror, Mirrors
from floe_images.spec.values import EnvRef, SecretRef


@dataclass(frozen=True, kw_only=True)
class Reach:
    http: Http
    index: IndexSettings
    debian: DebianMirrors
    certificates: tuple[Path, ...]


def find_reach(mirrors: Mirrors, base: Path, environ: Mapping[str, str] = os.environ) -> Reach:
    """``base`` is floe.yaml's folder: the certificates that it names are relative to it. Nobody is asked here.

    Raises UsageError for configuration that cannot be read, MirrorRefusedError for a credential that is not there.
    """
    own = Named(source="floe.yaml", where="image.mirrors.python", index=mirrors.python.url) if mirrors.python else None
    index = find_indexes(own, environ)
    debian = find_debian_mirrors(
        debian=_url(mirrors.debian), debian_security=_url(mirrors.debian_security), snapshot=_url(mirrors.snapshot)
    )
    settings = (mirrors.python, mirrors.debian, mirrors.debian_security, mirrors.snapshot)
    credentials = (
        *(credential for mirror in settings if mirror for credential in _credential(mirror, environ)),
        *index.credentials,
        *debian.credentials,
    )
    named = [base / name for name in mirrors.ca_certificates]
    for path in named:
        if not path.is_file():
            hint = "paths in image.mirrors.ca_certificates are relative to floe.yaml"
            raise UsageError("there is no such certificate file", where=str(path), hint=hint)
    certificates = certificate_files(named, index.certificates, environ)
    http = Http(HttpSettings(certificates=certificates, credentials=credentials))
    return Reach(http=http, index=index, debian=debian, certificates=certificates)


def _url(mirror: Mirror | None) -> str | None:
    return mirror.url if mirror else None


def _credential(mirror: Mirror, environ: Mapping[str, str]) -> Sequence[Credential]:
    login = mirror_login(mirror, environ)
    return (Credential(origin_of(mirror.url), *login),) if login else ()


def mirror_login(mirror: Mirror, environ: Mapping[str, str]) -> tuple[str, Secret] | None:
    """User name and password of a mirror; None where it has neither. Raises MirrorRefusedError where they are named
    and not there."""
    if mirror.username is None and mirror.password is None:
        return None
    username = _value(mirror.username, environ) if mirror.username is not None else ""
    password = _value(mirror.password, environ) if mirror.password is not None else ""
    return username, Secret(password)


def _value(setting: object, environ: Mapping[str, str]) -> str:
    """The text behind ``{env: NAME}`` or ``{secret: name}``, read when it is needed."""
    if isinstance(setting, EnvRef):
        value = environ.get(setting.env)
        if not value:
            hint = "set it, or take the credential out of image.mirrors"
            raise MirrorRefusedError(f"the environment variable {setting.env} is not set", hint=hint)
        return value
    if isinstance(setting, SecretRef):
        path = Path(environ.get("FLOE_SECRETS_DIR") or "/run/secrets") / setting.secret
        try:
            return path.read_text("utf-8").rstrip("\r\n")
        except (OSError, ValueError):
            hint = "put it into that file, or name another folder in FLOE_SECRETS_DIR"
            raise MirrorRefusedError("the secret's file cannot be read", where=str(path), hint=hint) from None
    return str(setting)
