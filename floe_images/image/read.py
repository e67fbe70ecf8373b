"""Reading an image that lies on the disk: an OCI layout folder, or an archive of one. Nothing is unpacked.

What is read may be anybody's: sizes are bounded, names are checked, a blob is believed by its digest only.
"""

from __future__ import annotations

import contextlib
import json
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol

from floe_images.errors import UsageError, disk_error
from floe_images.image import place
from floe_images.image.digest import Digest
from floe_images.image.words import DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST

MAX_JSON = 8 << 20  # bytes: far above any manifest or config
_MAX_DEPTH = 4


class ImageSource(Protocol):
    """A place with named files, one of which is ``index.json``."""

    @property
    def where(self) -> str: ...

    def open(self, name: str) -> contextlib.AbstractContextManager[IO[bytes]]:
        """Raise UsageError where there is no such file."""

    def __enter__(self) -> ImageSource: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, kw_only=True)
class StoredLayer:
    """``size`` is of the stored bytes; ``diff_id`` names the uncompressed ones; ``name`` is from the history."""

    digest: Digest
    diff_id: Digest
    size: int
    media_type: str
    name: str


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """One platform's image as found. ``config`` is the parsed JSON of the image configuration."""

    platform: str
    reference: str
    manifest_digest: Digest
    config_digest: Digest
    config: dict[str, Any]
    layers: tuple[StoredLayer, ...]


@dataclass(frozen=True, kw_only=True)
class StoredIndex:
    """All images of a layout or an archive. ``digest`` is the nested index's, None where there is none."""

    digest: Digest | None
    images: tuple[StoredImage, ...]


def open_source(path: Path) -> ImageSource:
    """A context manager over a layout folder or an archive. UsageError where ``path`` is neither, DiskError."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError("no such file or folder", where=str(path), hint="`floe build` writes one") from None
    except OSError as error:
        raise disk_error(error, str(path)) from error
    if stat.S_ISDIR(mode):
        return _Folder(path)
    if stat.S_ISREG(mode):
        return _Archive(path)
    raise UsageError("neither a folder nor a regular file", where=str(path), hint="`floe build` writes layouts")


def read_index(source: ImageSource) -> StoredIndex:
    """Walk ``index.json``. Raise UsageError, with the place, for whatever is not an OCI image."""
    try:
        index = _json(source, place.INDEX_JSON)
        nested = [Digest.parse(m["digest"]) for m in index["manifests"] if m.get("mediaType") == INDEX]
        images = tuple(_walk(source, index, "", 0))
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise UsageError("not an OCI image layout", where=source.where) from error
    return StoredIndex(digest=nested[0] if len(nested) == 1 else None, images=images)


def _walk(source: ImageSource, index: dict[str, Any], reference: str, depth: int) -> Iterator[StoredImage]:
    if depth > _MAX_DEPTH:
        raise ValueError("too many nested indexes")
    for entry in index["manifests"]:
        name = str(entry.get("annotations", {}).get("org.opencontainers.image.ref.name", reference))
        digest = Digest.parse(entry["digest"])
        if entry["mediaType"] in (INDEX, DOCKER_LIST):
            yield from _walk(source, _blob_json(source, digest), name, depth + 1)
        elif entry["mediaType"] in (MANIFEST, DOCKER_MANIFEST):
            yield _image(source, digest, name)


def _image(source: ImageSource, digest: Digest, reference: str) -> StoredImage:
    manifest = _blob_json(source, digest)
    config_digest = Digest.parse(manifest["config"]["digest"])
    config = _blob_json(source, config_digest)
    diff_ids = [Digest.parse(text) for text in config["rootfs"]["diff_ids"]]
    history = [str(step.get("created_by", "")) for step in config.get("history", ()) if not step.get("empty_layer")]
    if len(diff_ids) != len(manifest["layers"]):
        raise ValueError("layers and diff_ids differ in number")
    layers = tuple(
        StoredLayer(
            digest=Digest.parse(layer["digest"]),
            diff_id=diff_id,
            size=int(layer["size"]),
            media_type=str(layer["mediaType"]),
            name=history[number].removeprefix("floe: ") if number < len(history) else "",
        )
        for number, (layer, diff_id) in enumerate(zip(manifest["layers"], diff_ids, strict=True))
    )
    return StoredImage(
        platform=f"{config['os']}/{config['architecture']}",
        reference=reference,
        manifest_digest=digest,
        config_digest=config_digest,
        config=config,
        layers=layers,
    )


def _json(source: ImageSource, name: str) -> dict[str, Any]:
    return _parse(_small(source, name))


def _blob_json(source: ImageSource, digest: Digest) -> dict[str, Any]:
    data = _small(source, place.blob(digest))
    if Digest.of(data) != digest:
        raise UsageError("a blob is not what its name says", where=f"{source.where}: {place.blob(digest)}")
    return _parse(data)


def _small(source: ImageSource, name: str) -> bytes:
    with source.open(name) as stream:
        data = stream.read(MAX_JSON + 1)
    if len(data) > MAX_JSON:
        raise ValueError("too large")
    return data


def _parse(data: bytes) -> dict[str, Any]:
    value = json.loads(data)
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


class _Folder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = str(path)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        try:
            if not stat.S_ISREG((self.path / name).stat().st_mode):  # a pipe would never end
                raise UsageError(f"{name} is not a regular file", where=self.where)
            with open(self.path / name, "rb") as stream:
                yield stream
        except FileNotFoundError as error:
            raise UsageError(f"not an OCI image layout: no {name}", where=self.where) from error
        except OSError as error:
            raise disk_error(error, str(self.path / name)) from error

    def __enter__(self) -> _Folder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


class _Archive:
    def __init__(self, path: Path) -> None:
        self.where = str(path)
        try:
            self.archive = tarfile.open(path, "r:*")  # noqa: SIM115
            self.members = {member.name.removeprefix("./"): member for member in self.archive if member.isreg()}
        except (tarfile.TarError, EOFError) as error:
            raise UsageError("not an OCI image archive", where=str(path)) from error
        except OSError as error:
            raise disk_error(error, str(path)) from error

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        member = self.members.get(name)
        stream = self.archive.extractfile(member) if member else None
        if stream is None:
            raise UsageError(f"not an OCI image archive: no {name}", where=self.where)
        with stream:
            yield stream

    def __enter__(self) -> _Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.archive.close()
