"""A suite's index from a mirror: ``InRelease`` verified, then ``Packages.xz`` by the hash that it names."""

from __future__ import annotations

import hashlib
import lzma
from dataclasses import dataclass
from typing import Protocol

from floe_images.engine.fetch.http_errors import PageMissingError
from floe_images.engine.resolve.debian_mirrors import DebianMirror
from floe_images.engine.resolve.debian_packages import PackagesFile
from floe_images.engine.resolve.debian_release import NotDebianError, Release, check_release, parse_release
from floe_images.engine.resolve.debian_signature import ArchiveKey, verified_text
from floe_images.engine.store import Store
from floe_images.errors import (
    FloeError,
    MirrorContentError,
    MirrorUnreachableError,
    TruncatedDownloadError,
    WrongHashError,
)

_INRELEASE_LIMIT = 4 << 20  # bookworm's has 151 kB
_PACKAGES_LIMIT = 512 << 20  # bookworm's main has 53 MB unpacked, sid's 60


class Getter(Protocol):
    """The part of ``fetch.http.Http`` that is used here."""

    def get(self, url: str, limit: int) -> bytes:
        """The body, at most ``limit`` bytes."""


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A verified suite and the mirror that it came from."""

    name: str
    archive: str
    mirror: DebianMirror
    release: Release


def open_suite(
    name: str,
    archive: str,
    mirrors: tuple[DebianMirror, ...],
    *,
    http: Getter,
    keys: tuple[ArchiveKey, ...],
    now: float,
    previous: int | None,
) -> Suite:
    """The first of ``mirrors`` that is Debian's and answers. ``previous`` is the lock's Date of this suite.

    A mirror that does not have the suite, or is not Debian's, is passed over; so is one that does not answer, while
    another one is left. What is wrong with an index (signature, age, content) is never passed over.
    """
    passed: list[FloeError] = []
    for mirror in mirrors:
        where = f"{mirror.url}/dists/{name}/InRelease"
        try:
            signed = http.get(where, _INRELEASE_LIMIT)
            if len(mirrors) > 1:
                _check_claim(signed, where)
            text = verified_text(signed, keys, now=now, where=where)
            release = parse_release(text, where=where)
            check_release(release, suite=name, now=now, previous=previous, where=where)
            return Suite(name=name, archive=archive, mirror=mirror, release=release)
        except (PageMissingError, NotDebianError, MirrorUnreachableError) as error:
            passed.append(error)
    unreachable = next((error for error in passed if isinstance(error, MirrorUnreachableError)), None)
    if unreachable:
        raise unreachable
    tried = "; ".join(f"{error.where}: {error.message}" for error in passed)
    raise MirrorContentError(
        f"no mirror has Debian's {name}: {tried}",
        where=mirrors[0].found,
        hint=f"name a mirror that has it in image.mirrors.{archive.replace('-', '_')}",
    )


def _check_claim(signed: bytes, where: str) -> None:
    """Somebody else's apt source is not a forgery: pass it over before its signature is judged by Debian's keys."""
    origins = [line for line in signed[:4096].splitlines() if line.startswith(b"Origin:")]
    if origins and origins[0].partition(b":")[2].strip() != b"Debian":
        raise NotDebianError("its Release says that it is not of Debian", where=where)


def read_packages(suite: Suite, architecture: str, *, http: Getter, store: Store) -> PackagesFile:
    """The suite's ``main`` for one architecture, from the cache or the mirror, accepted by size and SHA-256.

    Raises MirrorContentError, WrongHashError, TruncatedDownloadError and what the door to the mirror raises.
    """
    # In debian-security the component is called updates/main in Release, and the folder main.
    path = f"main/binary-{architecture}/Packages"
    where = f"{suite.mirror.url}/dists/{suite.name}/{path}.xz"
    packed, unpacked = suite.release.files.get(f"{path}.xz"), suite.release.files.get(path)
    if packed is None or unpacked is None or unpacked.size > _PACKAGES_LIMIT or packed.size > _PACKAGES_LIMIT:
        raise MirrorContentError(
            f"the index of {suite.name} has no usable main for {architecture}",
            where=where,
            hint="images are made for amd64 and arm64, and the mirror has to carry both",
        )
    cached = store.find("downloads", packed.sha256)
    data = cached.read_bytes() if cached else b""
    if hashlib.sha256(data).hexdigest() != packed.sha256:
        data = _download(suite, f"{path}.xz", where, http=http)
        with store.writing("downloads", packed.sha256) as stream:
            stream.write(data)
    return PackagesFile(_unpack(data, unpacked.size, where), archive=suite.archive, where=where)


def _download(suite: Suite, path: str, where: str, *, http: Getter) -> bytes:
    expected = suite.release.files[path]
    by_hash = f"{where.rpartition('/')[0]}/by-hash/SHA256/{expected.sha256}"
    urls = (by_hash, where) if suite.release.by_hash else (where,)
    for url in urls:
        try:
            data = http.get(url, expected.size)
        except PageMissingError:
            # Some proxies carry Debian's Release but not its by-hash folders.
            if url == urls[-1]:
                raise
            continue
        _check(data, expected.size, expected.sha256, url)
        return data
    raise AssertionError("urls is not empty")


def _check(data: bytes, size: int, sha256: str, where: str) -> None:
    if len(data) < size:
        raise TruncatedDownloadError(f"{len(data)} of {size} bytes came", where=where, hint="run it again")
    if hashlib.sha256(data).hexdigest() != sha256:
        raise WrongHashError(
            "it does not have the SHA-256 that the suite's InRelease names",
            where=where,
            hint="the mirror may be in the middle of an update: try again in some minutes, or use another one",
        )


def _unpack(data: bytes, size: int, where: str) -> bytes:
    try:
        decompressor = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=256 << 20)
        text = decompressor.decompress(data, max_length=size + 1)
    except lzma.LZMAError as error:
        raise MirrorContentError(f"not an xz file: {error}", where=where) from error
    if len(text) != size:
        raise MirrorContentError(f"it unpacks to something else than the {size} bytes of the index", where=where)
    return text
