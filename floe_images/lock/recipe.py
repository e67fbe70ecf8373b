"""Recipes: what a service's image is made of and how it starts, each read from one file of ``data/recipes``."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from floe_images.lock.base_recipe import BaseRecipe, Omission, base_recipe
from floe_images.lock.model import LockedRecipe
from floe_images.lock.reader import read_services
from floe_images.spec.values import parse_size

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True, kw_only=True)
class RecipeFile:
    """A file, a folder, or with ``link`` a symbolic link. ``path`` is absolute."""

    path: str
    mode: int = 0o644
    text: str = ""
    link: str | None = None
    folder: bool = False


@dataclass(frozen=True, kw_only=True)
class RecipeImage:
    """What lies on top of the packages, and what a container starts with. ``memory`` in bytes, enough for it to work.

    ``packages`` are Debian's that only this image has. ``tmpfs`` are paths that it writes to and need not keep.
    """

    packages: tuple[str, ...]
    files: tuple[RecipeFile, ...]
    env: tuple[tuple[str, str], ...]
    entrypoint: tuple[str, ...]
    healthcheck: tuple[str, ...]
    working_dir: str
    volumes: tuple[str, ...]
    tmpfs: tuple[str, ...]
    ports: tuple[int, ...]
    stop_signal: str
    memory: int


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A service out of packages. ``program`` is the package whose version is the service's.

    ``init`` is the image that runs to its end on the same volumes before the service starts; it has all of the
    service's layers, and one more.
    """

    name: str
    title: str
    program: str
    debian: tuple[str, ...]
    python: tuple[str, ...]  # requirements, PEP 508
    omissions: tuple[Omission, ...]
    image: RecipeImage
    init: RecipeImage | None

    @property
    def inputs(self) -> str:
        """sha256 (hex) over what resolving depends on; how the image starts is not in it."""
        base = base_recipe()
        inputs = {
            "base": [base.suite, base.version],
            "debian": sorted(self.roots),
            "omit": sorted([omission.package, *omission.dependents] for omission in self.omissions),
            "program": self.program,
            "python": sorted(self.python),
        }
        return hashlib.sha256(json.dumps(inputs, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @property
    def roots(self) -> tuple[str, ...]:
        """Every Debian package that it names, for either image."""
        return (*self.debian, *(self.init.packages if self.init else ()))

    def with_base(self) -> BaseRecipe:
        """The root and this recipe as one, for the resolver."""
        base = base_recipe()
        return replace(base, roots=(*base.roots, *self.roots), omissions=(*base.omissions, *self.omissions))


def recipe_names() -> tuple[str, ...]:
    """What this floe ships."""
    return tuple(sorted(file.name.removesuffix(".toml") for file in _folder().iterdir() if file.name.endswith(".toml")))


@functools.cache
def recipe(name: str) -> Recipe:
    """The shipped recipe of that name."""
    return read_recipe(name, (_folder() / f"{name}.toml").read_text(encoding="utf-8"))


@functools.cache
def shipped_lock(name: str) -> LockedRecipe:
    """What `floe lock` starts from: the recipe's packages as they were when this floe was made."""
    file = f"{name}.lock"
    (found,) = read_services((_folder() / file).read_bytes(), file)
    if not isinstance(found, LockedRecipe):
        raise TypeError(f"{file} locks no recipe")
    return found


def read_recipe(name: str, text: str) -> Recipe:
    """Parse a recipe's file. It is ours: a fault in it is a bug (KeyError, ValueError)."""
    data = tomllib.loads(text)
    image = _image(data["image"], None)
    return Recipe(
        name=name,
        title=data["title"],
        program=data["program"],
        debian=_packages(data),
        python=tuple(entry["requirement"] for entry in data.get("python", ())),
        omissions=tuple(
            Omission(package=entry["package"], dependents=tuple(entry["from"]), reason=entry["reason"])
            for entry in data.get("omit", ())
        ),
        image=image,
        init=_image(data["init"], image) if "init" in data else None,
    )


def _folder() -> Any:
    return resources.files("floe_images") / "data" / "recipes"


def _packages(data: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(entry["package"] for entry in data.get("debian", ()))


def _image(data: Mapping[str, Any], below: RecipeImage | None) -> RecipeImage:
    """The init image starts in the surroundings of the one ``below`` it, and serves nothing."""
    return RecipeImage(
        packages=_packages(data) if below else (),
        files=tuple(sorted(_files(data), key=lambda file: file.path)),
        env=below.env if below else tuple(sorted(data["env"].items())),
        entrypoint=tuple(data["entrypoint"]),
        healthcheck=() if below else tuple(data["healthcheck"]),
        working_dir=below.working_dir if below else data["working_dir"],
        volumes=below.volumes if below else tuple(data["volumes"]),
        tmpfs=below.tmpfs if below else tuple(data["tmpfs"]),
        ports=() if below else tuple(data["ports"]),
        stop_signal="SIGTERM" if below else data["stop_signal"],
        memory=int(str(parse_size(data["memory"]))),
    )


def _files(data: Mapping[str, Any]) -> Iterator[RecipeFile]:
    for entry in data.get("file", ()):
        path = entry["path"]
        if path.endswith("/"):
            yield RecipeFile(path=path.rstrip("/"), mode=entry.get("mode", 0o755), folder=True)
        else:
            yield RecipeFile(path=path, mode=entry.get("mode", 0o644), text=entry["text"].lstrip("\n"))
    for entry in data.get("link", ()):
        for path in _braces(entry["path"]):
            yield RecipeFile(path=path, mode=0o777, link=entry["target"])


def _braces(path: str) -> Iterator[str]:
    """``/usr/bin/{a,b}`` → both."""
    found = re.fullmatch(r"([^{}]*)\{([^{}]*)\}", path)
    if not found:
        yield path
        return
    for word in found[2].split(","):
        yield found[1] + word
