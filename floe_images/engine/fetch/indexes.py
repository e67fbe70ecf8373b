"""Which Python index is used, and who said so: floe.yaml > UV_* > uv.toml > PIP_* > pip.conf > the public one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from floe_images.engine.fetch.http import Credential, origin_of, split_credential
from floe_images.engine.fetch.index_files import Named, pip_environment, pip_files, uv_environment, uv_files
from floe_images.engine.redact import Secret
from floe_images.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class IndexSettings:
    """URLs without credentials. ``find_links`` are folders or pages of links. ``index`` is None with ``no-index``."""

    index: str | None
    extra: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    credentials: tuple[Credential, ...] = ()
    certificates: tuple[Path, ...] = ()  # what pip's configuration names
    source: str = "default"  # which of the sources won
    where: str = "built in"  # the variable or the file

    @property
    def pages(self) -> tuple[str, ...]:
        """Every index, in uv's order: the extra ones first, the default last."""
        return (*self.extra, *((self.index,) if self.index else ()))

    @property
    def folders(self) -> tuple[Path, ...]:
        return tuple(Path(_local(link)) for link in self.find_links if not _remote(link))

    @property
    def link_pages(self) -> tuple[str, ...]:
        return tuple(link for link in self.find_links if _remote(link))


def find_indexes(own: Named | None, environ: Mapping[str, str] = os.environ) -> IndexSettings:
    """``own`` is what floe.yaml names. The first source that names an index wins; what comes after it is not asked
    (nobody who names a mirror wants other hosts asked too), what comes before it adds its extra indexes and links."""
    ordered = [*([own] if own else []), uv_environment(environ), *uv_files(environ)]
    ordered += [pip_environment(environ), *pip_files(environ)]
    certificates = tuple(Path(named.certificates) for named in ordered if named.certificates)
    used: list[Named] = []
    winner: Named | None = None
    for named in ordered:
        used.append(named)
        if named.index or named.no_index:
            winner = named
            break
    index = _default_index() if winner is None else None if winner.no_index else winner.index
    if winner and index:
        _check_index(index, winner)
    return _settings(used, winner, index, certificates[:1])


def _check_index(index: str, named: Named) -> None:
    """The value is not repeated: it may carry credentials."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(index)
        good = parts.hostname and not set(index) & set(' \t<>"') if _remote(index) else Path(_local(index)).is_dir()
    except (ValueError, RuntimeError):  # RuntimeError: the home of a user that is not there
        good = False
    if not good:
        raise UsageError(
            "the Python index that it names is neither an http(s) URL nor a folder",
            where=named.where,
            hint="for example https://host/simple/",
        )


def _settings(
    used: Iterable[Named], winner: Named | None, index: str | None, certificates: tuple[Path, ...]
) -> IndexSettings:
    credentials: dict[str, Credential] = {}

    def clean(url: str) -> str:
        if not _remote(url):
            return url
        stripped, credential = split_credential(url)
        if credential:
            credentials.setdefault(credential.origin, credential)
        return stripped

    used = list(used)
    for named in used:
        for url, user, password in named.credentials:
            origin = origin_of(split_credential(url)[0])
            credentials.setdefault(origin, Credential(origin, user, Secret(password)))
    cleaned = clean(index) if index else None
    extra = tuple(clean(url) for named in used for url in named.extra)
    links = tuple(clean(link) for named in used for link in named.find_links)
    return IndexSettings(
        index=cleaned,
        extra=tuple(url for url in dict.fromkeys(extra) if url != cleaned),
        find_links=tuple(dict.fromkeys(links)),
        credentials=tuple(credentials.values()),
        certificates=certificates,
        source=winner.source if winner else "default",
        where=winner.where if winner else "built in",
    )


def _default_index() -> str:
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    return PYPI_SIMPLE_ENDPOINT


def _remote(link: str) -> bool:
    return link.lower().startswith(("http://", "https://"))


def _local(link: str) -> str:
    if not link.lower().startswith("file:"):
        return str(Path(link).expanduser())
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    return url2pathname(urlsplit(link).path)
