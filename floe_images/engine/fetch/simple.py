"""Where a Python index has a file: Simple API (PEP 503, 691, 700), as JSON or HTML, and pages of links."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from floe_images.engine.fetch.http import Http, Page
from floe_images.engine.fetch.http_errors import PageMissingError
from floe_images.engine.fetch.indexes import IndexSettings
from floe_images.engine.redact import redact_url
from floe_images.errors import MirrorContentError

PAGE_LIMIT = 128 * 1024 * 1024  # bytes; the largest project pages of the public index are about 30 MB


@dataclass(frozen=True, kw_only=True)
class IndexFile:
    """One file of an index; ``size`` (bytes) and ``sha256`` where the index tells them."""

    name: str
    url: str = field(repr=False)
    size: int | None
    sha256: str | None
    yanked: bool = False


class PythonIndex:
    """Looks projects up, each once. May be used from several threads."""

    def __init__(self, http: Http, settings: IndexSettings) -> None:
        self._http = http
        self._settings = settings
        self._known: dict[str, tuple[IndexFile, ...]] = {}
        self._lock = threading.Lock()

    def files(self, project: str) -> tuple[IndexFile, ...]:
        """Every file of a project (normalized name) in every configured index, the extra ones first."""
        with self._lock:
            known = self._known.get(project)
        if known is None:
            known = tuple(self._look_up(project))
            with self._lock:
                self._known[project] = known
        return known

    def find(self, project: str, name: str, sha256: str | None = None) -> tuple[IndexFile, ...]:
        """The files of that name whose hash is ``sha256`` or is not told."""
        same = (file for file in self.files(project) if file.name == name)
        return tuple(file for file in same if sha256 is None or file.sha256 in (sha256, None))

    def _look_up(self, project: str) -> Iterator[IndexFile]:
        from pypi_simple import ACCEPT_JSON_PREFERRED

        urls = [f"{root.rstrip('/')}/{project}/" for root in self._settings.pages]
        for url in (*urls, *self._settings.link_pages):
            try:
                page = self._http.page(url, PAGE_LIMIT, {"Accept": ACCEPT_JSON_PREFERRED})
            except PageMissingError:
                continue
            yield from _parse(page, project)


def _parse(page: Page, project: str) -> tuple[IndexFile, ...]:
    kind = page.content_type.partition(";")[0].strip().lower()
    try:
        if kind in ("application/vnd.pypi.simple.v1+json", "application/json"):
            return tuple(_json_files(json.loads(page.data), page.url))
        if kind in ("application/vnd.pypi.simple.v1+html", "text/html", ""):
            return tuple(_html_files(page, project))
        raise ValueError(kind)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        hint = "the index must answer with PEP 503 HTML or PEP 691 JSON; `floe doctor` says which index is used"
        message = f"no page of a package index (Content-Type {kind[:60] or 'missing'})"
        raise MirrorContentError(message, where=redact_url(page.url), hint=hint) from None


def _json_files(document: dict[str, Any], base: str) -> Iterator[IndexFile]:
    """PEP 691. Read without `pypi_simple`, which takes every file name apart: 4 s of CPU for forty large projects."""
    if not str(document["meta"]["api-version"]).startswith("1."):
        raise ValueError("api-version")
    for file in document["files"]:
        name, url, size, sha256 = file["filename"], file["url"], file.get("size"), file["hashes"].get("sha256")
        if not isinstance(name, str) or not isinstance(url, str) or not isinstance(size, (int, type(None))):
            raise TypeError("files")
        yield IndexFile(
            name=name,
            url=url if url.startswith(("https://", "http://")) else urljoin(base, url),
            size=size,
            sha256=_sha256(sha256),
            yanked=bool(file.get("yanked")),
        )


def _html_files(page: Page, project: str) -> Iterator[IndexFile]:
    """PEP 503."""
    from pypi_simple import ProjectPage, UnsupportedRepoVersionError

    try:
        found = ProjectPage.from_html(project, page.data.decode("utf-8", "replace"), base_url=page.url)
    except UnsupportedRepoVersionError as error:
        raise ValueError(str(error)) from None
    for package in found.packages:
        yield IndexFile(
            name=package.filename,
            url=package.url,
            size=package.size,
            sha256=_sha256(package.digests.get("sha256")),
            yanked=package.is_yanked,
        )


def _sha256(text: str | None) -> str | None:
    return text.lower() if text and re.fullmatch("[0-9A-Fa-f]{64}", text) else None


def folder_files(project: str, folders: Sequence[Path]) -> Iterator[IndexFile]:
    """The files of a project (normalized name) that lie in folders; their URLs are ``file:``."""
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if re.sub(r"[-_.]+", "-", path.name).lower().startswith(f"{project}-") and path.is_file():
                yield IndexFile(name=path.name, url=path.resolve().as_uri(), size=path.stat().st_size, sha256=None)
