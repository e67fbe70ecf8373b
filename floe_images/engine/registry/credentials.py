"""Who somebody is at a registry: floe.yaml, Docker's ``config.json``, podman's ``auth.json``, netrc, in that order.

Sources: https://docs.docker.com/reference/cli/docker/login/ (``auths``, ``credHelpers``, ``credsStore``);
containers-auth.json(5) (namespaces as keys, places of the file). They are read when a registry asks, never before.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from floe_images.engine.redact import Secret
from floe_images.engine.registry.helper import ask_helper
from floe_images.engine.registry.login import Login
from floe_images.errors import UsageError
from floe_images.image.pulled import DOCKER_HUB

_FILE_LIMIT = 4 << 20
# Docker's own name of its registry, from its first version.
_HUB_KEY = "https://index.docker.io/v1/"
_HUB_HOSTS = (DOCKER_HUB, "index.docker.io", "registry-1.docker.io")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """``host`` is ``host[:port]`` of who asks; ``repository`` what is wanted of it."""

    host: str
    repository: str


def find_login(wanted: Wanted, environ: Mapping[str, str] = os.environ) -> Login | None:
    """None where this machine has no credential. Raises UsageError for a file that cannot be read, MirrorRefusedError
    for a credential helper that fails."""
    for path in _files(environ):
        document = _read(path)
        if document is not None:
            found = _from_document(document, wanted, str(path))
            if found:
                return found
    return _netrc(wanted.host)


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environ.get("HOME") or Path.home())
    if environ.get("REGISTRY_AUTH_FILE"):
        yield Path(environ["REGISTRY_AUTH_FILE"])
    yield Path(environ.get("DOCKER_CONFIG") or home / ".docker") / "config.json"
    if environ.get("XDG_RUNTIME_DIR"):
        yield Path(environ["XDG_RUNTIME_DIR"]) / "containers" / "auth.json"
    yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "containers" / "auth.json"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        if not path.is_file():
            return None
        with open(path, "rb") as stream:
            data = stream.read(_FILE_LIMIT)
        document = json.loads(data or b"{}")
    except OSError as error:
        raise UsageError(f"the credentials file cannot be read: {error.strerror}", where=str(path)) from None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise UsageError("the credentials file is no JSON object", where=str(path), hint="`docker login` writes one")
    return document


def _from_document(document: Mapping[str, Any], wanted: Wanted, where: str) -> Login | None:
    helpers, auths = _table(document.get("credHelpers")), _table(document.get("auths"))
    by_host = {_host_of(key): name for key, name in helpers.items()}
    host = DOCKER_HUB if wanted.host in _HUB_HOSTS else wanted.host
    helper = by_host.get(host) or document.get("credsStore")
    if isinstance(helper, str) and helper:
        found = ask_helper(helper, _HUB_KEY if host == DOCKER_HUB else host, where)
        if found:
            return found
    known = {_key_of(key): value for key, value in auths.items()}
    for key in _keys(host, wanted.repository):
        entry = _table(known.get(key))
        found = _from_entry(entry, where)
        if found:
            return found
    return None


def _keys(host: str, repository: str) -> Iterator[str]:
    """``quay.io/team/image``, ``quay.io/team``, ``quay.io``: the closest first."""
    parts = repository.split("/")
    for count in range(len(parts), 0, -1):
        yield "/".join((host, *parts[:count]))
    yield host


def _key_of(key: str) -> str:
    """A key of ``auths``: Docker writes URLs with a version as path, podman hosts and namespaces."""
    plain = key.partition("://")[2] or key
    plain = plain.rstrip("/")
    for version in ("/v1", "/v2"):
        plain = plain.removesuffix(version)
    host, slash, path = plain.partition("/")
    host = host.lower()
    return (DOCKER_HUB if host in _HUB_HOSTS else host) + slash + path


def _host_of(key: str) -> str:
    return _key_of(key).partition("/")[0]


def _from_entry(entry: Mapping[str, Any], where: str) -> Login | None:
    token, identity = entry.get("registrytoken"), entry.get("identitytoken")
    if isinstance(token, str) and token:
        return Login(username="", secret=Secret(token), kind="token")
    username, password = entry.get("username"), entry.get("password")
    auth = entry.get("auth")
    if isinstance(auth, str) and auth:
        try:
            text = base64.b64decode(auth, validate=True).decode()
        except (binascii.Error, ValueError):
            raise UsageError("a credential that is not base64", where=where, hint="run `docker login` again") from None
        username, _, password = text.partition(":")
        password = password.rstrip("\0")
    if isinstance(identity, str) and identity:
        return Login(username=str(username or ""), secret=Secret(identity), kind="identity")
    if isinstance(username, str) and isinstance(password, str) and username:
        return Login(username=username, secret=Secret(password), kind="password")
    return None


def _netrc(host: str) -> Login | None:
    from requests.utils import get_netrc_auth

    found = get_netrc_auth(f"https://{host}")
    return Login(username=found[0], secret=Secret(found[1]), kind="password") if found else None


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
