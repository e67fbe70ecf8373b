"""A PEP 751 document → for one platform one wheel a package, chosen by tags as an installer would."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from floe_images.errors import ResolveError
from floe_images.image.platform import Platform

if TYPE_CHECKING:
    from packaging.pylock import Package, PackageWheel
    from packaging.tags import Tag

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# PEP 600: the old names of manylinux_2_17, 2_12 and 2_5; the latter two exist for x86_64 only.
_LEGACY = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}


@dataclass(frozen=True, kw_only=True)
class FoundWheel:
    """A wheel that the index offers; ``size`` (bytes) and ``sha256`` where it tells them."""

    name: str  # normalized
    version: str
    file: str
    url: str = field(repr=False)
    size: int | None
    sha256: str | None

    @property
    def anywhere(self) -> bool:
        return self.file.endswith("-any.whl")


def tags_of(platform: Platform, python: str, glibc: tuple[int, int]) -> tuple[Tag, ...]:
    """What CPython ``python`` ("3.11") on a glibc of that version takes, the best first (PEP 425, PEP 600)."""
    from packaging.tags import compatible_tags, cpython_tags

    major, minor = (int(part) for part in python.split("."))
    oldest = 5 if platform.machine == "x86_64" else 17
    platforms = []
    for version in range(glibc[1], oldest - 1, -1):
        platforms.append(f"manylinux_{glibc[0]}_{version}_{platform.machine}")
        if (glibc[0], version) in _LEGACY:
            platforms.append(f"{_LEGACY[glibc[0], version]}_{platform.machine}")
    platforms.append(f"linux_{platform.machine}")
    abi = f"cp{major}{minor}"
    return (
        *cpython_tags((major, minor), [abi], platforms),
        *compatible_tags((major, minor), abi, platforms),
    )


def choose_wheels(document: bytes, tags: Iterable[Tag], where: str) -> tuple[FoundWheel, ...]:
    """Every package of the document with its best wheel, sorted by name. ResolveError where one has none."""
    from packaging.pylock import Pylock, PylockValidationError

    ranks = {tag: rank for rank, tag in reversed(list(enumerate(tags)))}
    try:
        packages = Pylock.from_dict(tomllib.loads(document.decode())).packages
    except (ValueError, PylockValidationError) as error:
        raise ResolveError(f"uv's answer is not understood: {error}", where=where) from None
    return tuple(sorted((_choose(package, ranks, where) for package in packages), key=lambda wheel: wheel.name))


def _choose(package: Package, ranks: dict[Tag, int], where: str) -> FoundWheel:
    wheels = sorted(_ranked(package, ranks), key=lambda item: item[:3])
    if not wheels or package.version is None:
        hint = "another version may have one: bound it in image.python_packages"
        raise ResolveError(
            f"{package.name} {package.version or ''} has no wheel for this platform", where=where, hint=hint
        )
    wheel = wheels[0][3]
    if wheel.url is None and wheel.path is None:
        raise ResolveError(f"{wheel.filename} has no place", where=where)
    url = wheel.url or str(wheel.path)
    return FoundWheel(
        name=package.name,
        version=str(package.version),
        file=wheel.filename,
        url=url,
        size=wheel.size,
        sha256=wheel.hashes.get("sha256"),
    )


def _ranked(package: Package, ranks: dict[Tag, int]) -> Iterator[tuple[int, tuple[int, str], str, PackageWheel]]:
    """(rank of the best tag, build tag negated so that the highest is first, file name, wheel)."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    for wheel in package.wheels or ():
        try:
            _, _, build, tags = parse_wheel_filename(wheel.filename)
        except InvalidWheelFilename:
            continue
        best = min((ranks[tag] for tag in tags if tag in ranks), default=None)
        if best is not None:
            yield best, (-build[0], build[1]) if build else (0, ""), wheel.filename, wheel
