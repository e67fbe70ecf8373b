"""How uv is told where packages are: indexes in its arguments; credentials in its environment and a private file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from floe_images.engine.fetch.http import Credential, Http, origin_of
from floe_images.engine.fetch.indexes import IndexSettings

_KEPT = ("UV_CACHE_DIR", "UV_NO_CACHE", "UV_HTTP_TIMEOUT", "UV_HTTP_CONNECT_TIMEOUT", "UV_HTTP_RETRIES", "UV_LINK_MODE")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def index_arguments(index: IndexSettings, http: Http, folders: Sequence[Path]) -> list[str]:
    """uv's options that name every index and every folder, and no credential."""
    arguments = ["--default-index", f"floe-0={index.index}"] if index.index else ["--no-index"]
    for number, url in enumerate(index.extra, 1):
        arguments += ["--index", f"floe-{number}={url}"]
    plain = [link for link in index.link_pages if _credential(http, link) is None]
    for link in (*plain, *(str(folder.resolve()) for folder in folders)):
        arguments += ["--find-links", link]
    return arguments


def authenticated_links(index: IndexSettings, http: Http) -> list[str]:
    """Pages of links take credentials in their URL only: such lines go into the private file."""
    lines = []
    for link in index.link_pages:
        credential = _credential(http, link)
        if credential:
            user, password = quote(credential.username, safe=""), quote(credential.password.reveal(), safe="")
            lines.append(f"--find-links {link.replace('://', f'://{user}:{password}@', 1)}")
    return lines


def _credential(http: Http, url: str) -> Credential | None:
    return next((one for one in http.settings.credentials if one.origin == origin_of(url)), None)


def uv_environment(index: IndexSettings, http: Http) -> dict[str, str]:
    """This process' environment without other settings of uv and pip, with the index's credentials and certificates."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if (name in _KEPT or not name.startswith(("UV_", "PIP_"))) and name not in (*_CERTIFICATES, "VIRTUAL_ENV")
    }
    bundle = http.bundle()
    if bundle:
        environment["SSL_CERT_FILE"] = str(bundle)
    for number, url in enumerate((index.index, *index.extra)):
        credential = _credential(http, url) if url else None
        if credential:
            environment[f"UV_INDEX_FLOE_{number}_USERNAME"] = credential.username
            environment[f"UV_INDEX_FLOE_{number}_PASSWORD"] = credential.password.reveal()
    return environment


def write_private(path: Path, lines: Sequence[str]) -> None:
    """Lines of a file that only this user may read."""
    path.touch(0o600)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
