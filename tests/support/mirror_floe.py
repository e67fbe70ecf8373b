"""A tiny project on a test mirror, and floe run on it as a program: what the proofs from outside have in common."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.chaos import Run, watch
from tests.support.mirror import Mirror
from tests.support.mirror_tiny import clean_environment, floe, tiny_index, tiny_project
from tests.support.mirror_upstream import Recorded, default_cache


@dataclass(frozen=True, kw_only=True)
class Ground:
    """``cache`` is full after ``warm``; copies of it save each test the downloads."""

    folder: Path
    index: Path
    mirror: Mirror

    def project(self, name: str, *, mirrors: str | None = None, lock: bytes | None = None) -> Path:
        """A new tiny project on this ground's mirror, unless ``mirrors`` (a YAML flow mapping) says otherwise."""
        project = tiny_project(self.folder / name, plain_mirrors(self.mirror) if mirrors is None else mirrors)
        if lock is not None:
            (project / "floe.lock").write_bytes(lock)
        return project

    def environment(self, home: str, **more: str) -> dict[str, str]:
        return clean_environment(self.folder / "homes" / home, **more)


@contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    """A plain mirror on loopback that records what this machine's mirrors have and it has not yet."""
    index = tiny_index(folder / "index")
    mirror = Mirror(content=Recorded(folder=default_cache(), record=True), folders=(index,))
    with mirror.serving():
        yield Ground(folder=folder, index=index, mirror=mirror)


def plain_mirrors(mirror: Mirror) -> str:
    """``image.mirrors`` for a mirror that asks for nothing."""
    urls = {name: mirror.url(path) for name, path in _PATHS.items()}
    return json.dumps(urls)


def guarded_mirrors(mirror: Mirror, authority: str) -> str:
    """``image.mirrors`` for a mirror with a private CA (a file beside floe.yaml) and basic authentication."""
    assert mirror.user is not None
    login = {"username": mirror.user[0], "password": {"env": "MIRROR_PASSWORD"}}
    settings: dict[str, object] = {name: {"url": mirror.url(path), **login} for name, path in _PATHS.items()}
    return json.dumps({**settings, "ca_certificates": [authority]})


_PATHS = {"python": "simple", "debian": "debian", "debian_security": "debian-security"}


def run_floe(project: Path, env: Mapping[str, str], *arguments: str | Path, timeout: float = 900) -> Run:
    return watch(floe(*arguments), env=env, cwd=project, timeout=timeout)


def must(run: Run) -> Run:
    assert run.code == 0, f"exit code {run.code}\n{run.stderr[-4000:]}\n{run.stdout[-1000:]}"
    return run


def index_digest(layout: Path) -> str:
    """The digest of the index over all platforms that the layout names."""
    (entry,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    return str(entry["digest"])


def whole(layout: Path) -> list[str]:
    """What is not right with a layout as it lies there: a blob that its name does not fit, one that is named and
    absent, one that nobody names, anything else. Nothing of floe is used for it."""
    blobs = layout / "blobs/sha256"
    found = []
    for path in sorted(blobs.iterdir()):
        with open(path, "rb") as stream:
            digest = hashlib.sha256()
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
        if digest.hexdigest() != path.name:
            found.append(f"{path.name}: has another content")
    named = set(_named(layout, (layout / "index.json").read_bytes()))
    there = {path.name for path in blobs.iterdir()}
    found += [f"{name}: absent" for name in sorted(named - there)]
    found += [f"{name}: nobody's" for name in sorted(there - named)]
    wanted = {"blobs", "index.json", "oci-layout"}
    return found + [f"{path.name}: no part of a layout" for path in layout.iterdir() if path.name not in wanted]


def _named(layout: Path, body: bytes) -> Iterator[str]:
    document = json.loads(body)
    config = [document["config"]] if "layers" in document else []
    for entry in (*document.get("manifests", ()), *config, *document.get("layers", ())):
        name = entry["digest"].removeprefix("sha256:")
        yield name
        if entry["mediaType"].endswith(("index.v1+json", "manifest.v1+json")):
            yield from _named(layout, (layout / "blobs/sha256" / name).read_bytes())


def contents(layout: Path) -> Iterator[tuple[str, bytes]]:
    """Every blob, layers uncompressed, in overlapping pieces: (its digest, bytes), to look for something in them."""
    for path in sorted((layout / "blobs/sha256").iterdir()):
        with open(path, "rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        tail = b""
        with gzip.open(path) if packed else open(path, "rb") as stream:
            while chunk := stream.read(1 << 20):
                yield path.name, tail + chunk
                tail = chunk[-200:]


def error_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("error:")]


def assert_refused(run: Run | subprocess.CompletedProcess[str], code: int) -> str:
    """One clear line, this exit code, no traceback; the line."""
    found = run.code if isinstance(run, Run) else run.returncode
    lines = error_lines(run.stderr)
    assert (found, len(lines)) == (code, 1), f"exit code {found}\n{run.stderr[-4000:]}"
    assert "Traceback" not in run.stderr
    return lines[0]


def keep_only(cache: Path, *kinds: str) -> None:
    """Empty a cache but for ``kinds`` of content (see ``engine/store.py``)."""
    for path in cache.iterdir() if cache.is_dir() else ():
        if path.name not in kinds:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def copy_cache(source: Path, target: Path, *kinds: str) -> Path:
    """A copy by hard links of the given kinds; files of the cache are replaced, never changed."""
    for kind in kinds:
        if (source / kind).is_dir():
            shutil.copytree(source / kind, target / kind, copy_function=os.link, symlinks=True, dirs_exist_ok=True)
    target.mkdir(parents=True, exist_ok=True)
    return target
