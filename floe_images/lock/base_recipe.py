"""The Debian part of every image, read from ``data/debian/base.toml``: roots, what is left out and why."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from importlib import resources
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True, kw_only=True)
class Omission:
    """A dependency on ``package`` that is not followed when one of ``dependents`` has it ("*": whoever has it)."""

    package: str
    dependents: tuple[str, ...]
    reason: str


@dataclass(frozen=True, kw_only=True)
class BaseRecipe:
    """``debug`` names the packages that only the image of `image.debug` gets; ``forbidden`` is (package, reason)."""

    version: int
    suite: str
    python: str
    roots: tuple[str, ...]
    debug: tuple[str, ...]
    omissions: tuple[Omission, ...]
    forbidden: tuple[tuple[str, str], ...]


@functools.cache
def base_recipe() -> BaseRecipe:
    """The recipe that this floe ships."""
    text = (resources.files("floe_images") / "data" / "debian" / "base.toml").read_text(encoding="utf-8")
    data: dict[str, Any] = tomllib.loads(text)
    return BaseRecipe(
        version=data["version"],
        suite=data["suite"],
        python=data["python"],
        roots=tuple(entry["package"] for entry in data["root"]),
        debug=tuple(entry["package"] for entry in data["debug_root"]),
        omissions=tuple(
            Omission(package=entry["package"], dependents=tuple(entry["from"]), reason=entry["reason"])
            for entry in data["omit"]
        ),
        forbidden=tuple((package, entry["reason"]) for entry in data["forbid"] for package in entry["packages"]),
    )
