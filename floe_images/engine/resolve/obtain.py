"""Size and sha256 of a file that an index names: told by the index, else the file is downloaded once to know them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from floe_images.engine.fetch.http import Http, hash_file
from floe_images.engine.store import Store, disk_error
from floe_images.engine.verified import remember, verified
from floe_images.errors import WrongHashError
from floe_images.lock.model import LockedFile


def know(name: str, url: str, size: int | None, sha256: str | None, *, http: Http, store: Store) -> LockedFile:
    """The file as the lock names it; ``url`` is of the index, of a page of links or of a folder (``file:``)."""
    local = local_path(url)
    if local is not None:
        try:
            size, digest = hash_file(local)
        except OSError as error:
            raise disk_error(error, str(local)) from error
        return LockedFile(name=name, size=size, sha256=digest.hexdigest())
    if size is not None and sha256 is not None:
        return LockedFile(name=name, size=size, sha256=sha256)
    key = f"unknown-{sha256}" if sha256 else None
    remembered = store.recall(key) if key else None
    if isinstance(remembered, int):
        return LockedFile(name=name, size=remembered, sha256=sha256 or "")
    path = obtain(url, size, sha256, http=http, store=store)
    found = LockedFile(name=name, size=path.stat().st_size, sha256=path.name)
    if key:
        store.note(key, found.size)
    return found


def obtain(url: str, size: int | None, sha256: str | None, *, http: Http, store: Store) -> Path:
    """The file itself, in the cache under its hash (a file of a folder is used where it lies)."""
    local = local_path(url)
    if local is not None:
        return local
    known = store.find("downloads", sha256) if sha256 else None
    if known and sha256:
        with contextlib.suppress(WrongHashError):  # then it is gone, and comes anew
            return verified(known, sha256, known.name)
    temporary = store.temporary("unknown")
    temporary.parent.mkdir(parents=True, exist_ok=True)
    try:
        _, digest = http.download(url, temporary, size=size, sha256=sha256)
        path = store.adopt("downloads", digest, temporary)
        remember(path, digest)
        return path
    finally:
        temporary.unlink(missing_ok=True)


def local_path(url: str) -> Path | None:
    """The path of a ``file:`` URL or of a plain path; None for what must be fetched."""
    if "://" not in url and not url.lower().startswith("file:"):
        return Path(url)
    return Path(url2pathname(urlsplit(url).path)) if urlsplit(url).scheme == "file" else None
