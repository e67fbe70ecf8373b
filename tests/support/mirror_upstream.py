"""Where a test mirror's content comes from: a folder that a recording pass fills through this machine's indexes.

Layout of the folder: ``simple/<project>.json`` (the index's page), ``files/<sha256>/<file name>``, and ``debian/…``,
``debian-security/…`` (paths as in the archive). What can change upstream (pages, InRelease) is asked for again when it
is older than an hour and recording is on; everything else is kept for good.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FRESH_SECONDS = 3600
_JSON = "application/vnd.pypi.simple.v1+json"


def default_cache() -> Path:
    """``$FLOE_TEST_MIRROR``, else below the user's cache."""
    given = os.environ.get("FLOE_TEST_MIRROR")
    return Path(given) if given else Path.home() / ".cache" / "floe-tests" / "mirror"


@dataclass
class Recorded:
    """A mirror's content. With ``record`` off nothing but the folder is read."""

    folder: Path
    record: bool = False
    fetched: list[str] = field(default_factory=list)  # names of what the recording pass asked for
    _locks: dict[str, threading.Lock] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def page(self, project: str) -> dict[str, Any] | None:
        """The PEP 691 page of a project, its file URLs still the index's own."""
        path = self.folder / "simple" / f"{project}.json"
        with self._one(str(path)):
            if self.record and not _fresh(path):
                self._download(f"{python_index()}/{project}/", path, accept=_JSON)
        return json.loads(path.read_bytes()) if path.exists() else None

    def file(self, project: str, sha256: str, name: str) -> Path | None:
        """A wheel, sdist or ``….metadata`` by the hash of the wheel or sdist and its name."""
        path = self.folder / "files" / sha256 / name
        with self._one(str(path)):
            if self.record and not path.exists():
                plain = name.removesuffix(".metadata")
                for entry in (self.page(project) or {"files": []})["files"]:
                    if entry["filename"] == plain and entry["hashes"].get("sha256") == sha256:
                        self._download(entry["url"] + name[len(plain) :], path, sha256 if name == plain else None)
        return path if path.exists() else None

    def debian(self, archive: str, path: str) -> Path | None:
        """A file of an archive (``debian`` or ``debian-security``) by its path below the archive's root."""
        target = self.folder / archive / path
        with self._one(str(target)):
            known = target.exists() and (not path.endswith("InRelease") or _fresh(target))
            if self.record and not known:
                before = target.read_bytes() if target.exists() else b""
                self._download(f"{debian_archive(archive)}/{path}", target)
                if before and target.read_bytes() != before:  # indexes that are named by path belong to the old one
                    for old in target.parent.rglob("*"):
                        if old.is_file() and old != target and "by-hash" not in old.parts:
                            old.unlink()
        return target if target.is_file() else None

    @contextlib.contextmanager
    def _one(self, key: str) -> Iterator[None]:
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            yield

    def _download(self, url: str, target: Path, sha256: str | None = None, accept: str = "*/*") -> None:
        import requests

        self.fetched.append(target.name)
        with requests.get(
            url, headers={"Accept": accept, "Accept-Encoding": "identity"}, stream=True, timeout=120
        ) as got:
            if got.status_code in (403, 404, 410):
                return
            got.raise_for_status()
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".{secrets.token_hex(6)}")
            digest = hashlib.sha256()
            with open(temporary, "wb") as stream:
                for chunk in got.iter_content(1 << 18):
                    digest.update(chunk)
                    stream.write(chunk)
        if sha256 is not None and digest.hexdigest() != sha256:
            temporary.unlink()
            raise OSError(f"{target.name}: the index sent other bytes than its page says")
        temporary.replace(target)


def _fresh(path: Path) -> bool:
    return path.exists() and time.time() - path.stat().st_mtime < FRESH_SECONDS


@cache
def python_index() -> str:
    """The Simple API that this machine is set up for, without a slash at the end."""
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        if os.environ.get(name):
            return os.environ[name].rstrip("/")
    said = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True
    )
    if said.returncode == 0 and said.stdout.strip():
        return said.stdout.strip().rstrip("/")
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    return str(PYPI_SIMPLE_ENDPOINT).rstrip("/")


@cache
def debian_archive(archive: str) -> str:
    """Where this machine's apt gets ``debian`` or ``debian-security`` from."""
    folder = Path("/etc/apt")
    lists = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    text = "\n".join(path.read_text() for path in lists if path.is_file())
    for url in re.findall(r"^(?:deb\s+(?:\[[^]]*\]\s+)?|URIs:\s*)(https?://\S+)", text, re.MULTILINE):
        if url.rstrip("/").endswith(f"/{archive}"):
            return str(url).rstrip("/")
    raise LookupError(f"this machine's apt has no source for {archive}, so there is nothing to record it from")
