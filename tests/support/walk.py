"""Every entry of an image's layers, read with nothing of floe's: the standard library and the image specification.

Layers are uncompressed once, next to each other in one folder, so that a content can be read when it is wanted.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FOLLOW = 40


@dataclass(frozen=True, kw_only=True)
class Found:
    """One entry of a tar: its header as it is stored, and where its content lies."""

    info: tarfile.TarInfo
    layer: str
    tar: Path

    @property
    def path(self) -> str:
        return self.info.name

    @property
    def mode(self) -> int:
        return stat.S_IMODE(self.info.mode)

    def read(self, limit: int | None = None) -> bytes:
        with open(self.tar, "rb") as stream:
            stream.seek(self.info.offset_data)
            return stream.read(self.info.size if limit is None else min(limit, self.info.size))

    def chunks(self) -> Iterator[bytes]:
        with open(self.tar, "rb") as stream:
            stream.seek(self.info.offset_data)
            left = self.info.size
            while left:
                chunk = stream.read(min(left, 1 << 20))
                left -= len(chunk)
                yield chunk


@dataclass(frozen=True, kw_only=True)
class WalkedLayer:
    name: str
    diff_id: str
    entries: tuple[Found, ...]


@dataclass(frozen=True, kw_only=True)
class WalkedImage:
    """``tree`` is the finished image: path → the entry of the topmost layer that has it."""

    platform: str
    config: dict[str, Any]
    manifest: dict[str, Any]
    layers: tuple[WalkedLayer, ...]
    tree: dict[str, Found]

    def file(self, path: str) -> Found | None:
        """The regular file at ``path``; links are followed as a kernel would, None where there is none."""
        resolved = self._resolve(path)
        found = self.tree.get(resolved) if resolved is not None else None
        return found if found is not None and found.info.isreg() else None

    def _resolve(self, path: str) -> str | None:
        done: list[str] = []
        todo = path.strip("/").split("/")
        for _ in range(_FOLLOW * 10):
            if not todo:
                return "/".join(done)
            part = todo.pop(0)
            if part in ("", "."):
                continue
            if part == "..":
                done = done[:-1]
                continue
            here = "/".join([*done, part])
            entry = self.tree.get(here)
            if entry is not None and entry.info.issym():
                target = entry.info.linkname
                done = [] if target.startswith("/") else done
                todo = [*target.split("/"), *todo]
            else:
                done.append(part)
        return None


def walk(layout: Path, folder: Path) -> dict[str, WalkedImage]:
    """Platform → image. ``folder`` takes the uncompressed layers. Digests are checked on the way, diffIDs too."""
    done: dict[str, WalkedLayer] = {}
    images = {}
    (nested,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    for entry in json.loads(_blob(layout, nested["digest"]))["manifests"]:
        manifest = json.loads(_blob(layout, entry["digest"]))
        config = json.loads(_blob(layout, manifest["config"]["digest"]))
        history = [step["created_by"] for step in config["history"] if not step.get("empty_layer")]
        layers = []
        for layer, diff_id, name in zip(manifest["layers"], config["rootfs"]["diff_ids"], history, strict=True):
            if diff_id not in done:
                done[diff_id] = _layer(layout, layer["digest"], diff_id, name, folder)
            layers.append(done[diff_id])
        platform = f"{entry['platform']['os']}/{entry['platform']['architecture']}"
        tree = {found.path.rstrip("/"): found for layer in layers for found in layer.entries}
        images[platform] = WalkedImage(
            platform=platform, config=config, manifest=manifest, layers=tuple(layers), tree=tree
        )
    return images


def _blob(layout: Path, digest: str) -> bytes:
    data = (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()
    assert digest == "sha256:" + hashlib.sha256(data).hexdigest()
    return data


def _layer(layout: Path, digest: str, diff_id: str, name: str, folder: Path) -> WalkedLayer:
    tar = folder / diff_id.removeprefix("sha256:")
    with gzip.open(layout / "blobs" / "sha256" / digest.removeprefix("sha256:")) as stored, open(tar, "wb") as out:
        shutil.copyfileobj(stored, out, 1 << 20)
    assert diff_id == f"sha256:{_sha256(tar)}", name
    with tarfile.open(tar) as archive:
        entries = tuple(Found(info=info, layer=name, tar=tar) for info in archive)
    return WalkedLayer(name=name, diff_id=diff_id, entries=entries)


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(1 << 20):
            found.update(chunk)
    return found.hexdigest()
