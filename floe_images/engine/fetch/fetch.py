"""Locked files, by hash, into the cache: from the cache, from given folders, from the mirrors, in that order.

Where a file came from does not matter, since its bytes are accepted by size and sha256 only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from floe_images.engine.fetch.http import Http
from floe_images.engine.fetch.http_errors import PageMissingError
from floe_images.engine.fetch.needed import cached_file
from floe_images.engine.fetch.partial import adopted, partial_file
from floe_images.engine.fetch.request import FileRequest
from floe_images.engine.fetch.simple import PythonIndex
from floe_images.engine.store import Store, disk_error
from floe_images.errors import (
    DiskError,
    DiskFullError,
    FloeError,
    MirrorRefusedError,
    MirrorUnreachableError,
    NotCachedError,
    PackageGoneError,
)
from floe_images.progress import Progress

PARALLEL = 8
_CHUNK = 1 << 20
_NAMED = 5  # of the missing files


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where files may be: ``debian`` gives the URLs of a Debian package in the order in which they are tried."""

    http: Http
    python: PythonIndex
    debian: Callable[[FileRequest], Sequence[str]] = field(default=lambda _: ())


def fetch(
    requests: Iterable[FileRequest],
    *,
    sources: Sources,
    store: Store,
    progress: Progress,
    frozen: bool = False,
    folders: Sequence[Path] = (),
) -> dict[str, Path]:
    """sha256 → path in the cache, for every request.

    With ``frozen`` only the cache and ``folders`` are read; NotCachedError names everything that is missing. Without,
    whatever else fails, each failure is noted, and the first is raised when all downloads are through.
    """
    wanted = {request.file.sha256: request for request in requests}
    found: dict[str, Path] = {}
    missing: list[FileRequest] = []
    for sha256, request in wanted.items():
        path = cached_file(store, request) or _from_folders(store, request, folders)
        if path:
            found[sha256] = path
        else:
            missing.append(request)
    if missing and frozen:
        raise _not_cached(missing, progress)
    if missing:
        progress.phase("fetch")
        progress.total("fetch", sum(request.file.size for request in missing))
        found.update(_download_all(missing, sources, store, progress))
    return found


def _from_folders(store: Store, request: FileRequest, folders: Sequence[Path]) -> Path | None:
    for folder in folders:
        path = folder / request.file.name
        try:
            if not path.is_file() or path.stat().st_size != request.file.size:
                continue
            digest = hashlib.sha256()
            temporary = store.temporary(f"folder-{request.file.sha256[:16]}")
            with open(path, "rb") as source, open(temporary, "wb") as target:
                while chunk := source.read(_CHUNK):
                    digest.update(chunk)
                    target.write(chunk)
            if digest.hexdigest() == request.file.sha256:
                return adopted(store, request.file.sha256, temporary)
            temporary.unlink()
        except OSError as error:
            raise disk_error(error, str(path)) from error
    return None


def _not_cached(missing: Sequence[FileRequest], progress: Progress) -> NotCachedError:
    names = sorted(request.file.name for request in missing)
    more = len(names) - _NAMED
    if more > 0:
        for name in names:
            progress.detail(f"not in the cache: {name}")
    return NotCachedError(
        f"{len(names)} locked file{'s are' if len(names) > 1 else ' is'} neither in the cache nor in a given folder: "
        + ", ".join(names[:_NAMED])
        + (f" and {more} more (all with `floe -v`)" if more > 0 else ""),
        hint="run `floe build` once without --frozen, or give the folder that has them with --find-links",
    )


def _download_all(
    missing: Sequence[FileRequest], sources: Sources, store: Store, progress: Progress
) -> dict[str, Path]:
    failures: list[FloeError] = []
    found: dict[str, Path] = {}

    def one(request: FileRequest) -> None:
        # Nobody waits for three hundred time-outs of one mirror, and a full disk stays full.
        if any(isinstance(failure, _HOPELESS) for failure in failures):
            return
        try:
            found[request.file.sha256] = _download(request, sources, store, progress)
        except FloeError as error:
            failures.append(error)

    # The largest first: the end of the work is then not one long download.
    ordered = sorted(missing, key=lambda request: (-request.file.size, request.file.name))
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="fetch") as pool:
        list(pool.map(one, ordered))
    if failures:
        hopeless = [failure for failure in failures if isinstance(failure, _HOPELESS)]
        first, *others = hopeless[:1] or failures
        for text in dict.fromkeys(str(failure) for failure in others):
            progress.note(text)
        raise first
    return found


_HOPELESS = (MirrorUnreachableError, MirrorRefusedError, DiskFullError, DiskError)


def _download(request: FileRequest, sources: Sources, store: Store, progress: Progress) -> Path:
    file = request.file
    urls = (
        sources.debian(request)
        if request.archive
        else tuple(found.url for found in sources.python.find(request.project, file.name, file.sha256))
    )
    with partial_file(store, file.sha256) as partial:
        for url in urls:
            try:
                sources.http.download(
                    url,
                    partial,
                    size=file.size,
                    sha256=file.sha256,
                    advance=lambda amount: progress.advance("fetch", amount),
                )
            except PageMissingError:
                continue
            return adopted(store, file.sha256, partial)
    raise _gone(request)


def _gone(request: FileRequest) -> PackageGoneError:
    if request.archive:
        package = request.file.name.partition("_")[0]
        message = f"the Debian mirror no longer carries {request.file.name}"
        hint = f"run `floe lock --upgrade {package}`, or configure a snapshot archive (image.mirrors.snapshot)"
    else:
        package = request.project
        message = f"the package index does not carry {request.file.name} with the locked hash"
        hint = f"run `floe lock --upgrade {package}`, or give a folder that has it with --find-links"
    return PackageGoneError(message, where=package, hint=hint)
