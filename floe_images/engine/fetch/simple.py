"""Where a Python index has a file: Simple API (PEP 503, 691, 700), as JSON or HTML, and pages of links."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

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


def _parse(page: Page, project: str) -> Iterator[IndexFile]:
    from pypi_simple import ProjectPage, UnsupportedRepoVersionError

    kind = page.content_type.partition(";")[0].strip().lower()
    try:
        if kind in ("application/vnd.pypi.simple.v1+json", "application/json"):
            found = ProjectPage.from_json_data(json.loads(page.data), base_url=page.url)
        elif kind in ("application/vnd.pypi.simple.v1+html", "text/html", ""):
            found = ProjectPage.from_html(project, page.data.decode("utf-8", "replace"), base_url=page.url)
        else:
            raise ValueError(kind)
    except (ValueError, TypeError, RecursionError, UnsupportedRepoVersionError):
        hint = "the index must answer with PEP 503 HTML or PEP 691 JSON; `floe doctor` says which index is used"
        message = f"no page of a package index (Content-Type {kind[:60] or 'missing'})"
        raise MirrorContentError(message, where=redact_url(page.url), hint=hint) from None
    for package in found.packages:
        sha256 = package.digests.get("sha256")
        yield IndexFile(
            name=package.filename,
            url=package.url,
            size=package.size,
            sha256=sha256.lower() if sha256 else None,
            yanked=package.is_yanked,
        )


def folder_files(project: str, folders: Sequence[Path]) -> Iterator[IndexFile]:
    """The files of a project (normalized name) that lie in folders; their URLs are ``file:``."""
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if re.sub(r"[-_.]+", "-", path.name).lower().startswith(f"{project}-") and path.is_file():
                yield IndexFile(name=path.name, url=path.resolve().as_uri(), size=path.stat().st_size, sha256=None)
