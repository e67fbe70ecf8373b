"""Lock → layers: which part lies in which, rarely changing ones below.

A bump should rebuild little and an image should have few layers (the classic store stops at 127): so each big wheel has
a layer of its own, and the small ones share buckets by a hash of their name, which no other package's coming or going
changes. What serves every platform is in layers that are the same for all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from floe_images.image.platform import Platform
from floe_images.lock.base_recipe import base_recipe
from floe_images.lock.model import Lock, LockedWheel
from floe_images.plan.base_files import base_files
from floe_images.plan.model import DebPart, FilesPart, LayerPlan, Part, PlannedFile, WheelPart
from floe_images.plan.places import DUCKDB, SITE

# With all six adapters: 17 big wheels hold 85 % of the compressed bytes.
BIG_WHEEL = 4_000_000  # bytes of the file, the largest of any platform
SHARED_BUCKETS = 8
PLATFORM_BUCKETS = 4

_EXTENSION = "duckdb-extension-"
# What somebody who looks around in a running container types; busybox answers to all of them.
_APPLETS = (
    "awk", "base64", "cat", "clear", "cp", "cut", "date", "dd", "df", "diff", "du", "env", "find", "free", "grep",
    "gunzip", "gzip", "head", "hexdump", "hostname", "id", "ip", "less", "ls", "mkdir", "more", "mv", "nc", "netstat",
    "nslookup", "ping", "printenv", "ps", "pwd", "readlink", "realpath", "rm", "sed", "seq", "sh", "sha256sum", "sleep",
    "sort", "stat", "tail", "tar", "tee", "test", "time", "top", "touch", "tr", "traceroute", "true", "uname", "uniq",
    "vi", "wc", "wget", "which", "whoami", "xargs", "zcat",
)  # fmt: skip


def debian_layers(lock: Lock, platform: Platform, unscripted: frozenset[str]) -> tuple[LayerPlan, LayerPlan]:
    """The root and the interpreter; ``unscripted`` are packages whose maintainer scripts floe.yaml lets go."""
    debug = base_recipe().debug
    system: list[Part] = [FilesPart(name="base", files=base_files())]
    python: list[Part] = []
    for deb in lock.debs(platform):
        if deb.name not in debug:
            part = DebPart(deb=deb, skip_scripts=deb.name in unscripted)
            (python if deb.name.startswith(("python3", "libpython3")) else system).append(part)
    return (
        LayerPlan(name="system", platform=platform, parts=tuple(system)),
        LayerPlan(name="python", platform=platform, parts=tuple(python)),
    )


def debug_layer(lock: Lock, platform: Platform) -> LayerPlan:
    """A shell and its tools: the whole difference between an image and its debug image, so it lies on top."""
    debug = base_recipe().debug
    links = tuple(PlannedFile(path=f"usr/bin/{name}", mode=0o777, link="busybox") for name in _APPLETS)
    debs = tuple(DebPart(deb=deb) for deb in lock.debs(platform) if deb.name in debug)
    return LayerPlan(name="debug", platform=platform, parts=(*debs, FilesPart(name="applets", files=links)))


def wheel_layers(lock: Lock, platform: Platform) -> Iterator[LayerPlan]:
    """Big wheels by name, shared buckets, then the platform's buckets, then the links to DuckDB's extensions."""
    buckets: dict[tuple[bool, int], list[WheelPart]] = {}
    for wheel in sorted(lock.wheels, key=lambda each: each.name):
        if wheel.file_for(platform) is None:
            continue
        shared = None in dict(wheel.files)
        part = WheelPart(wheel=wheel, platform=None if shared else platform)
        if max(file.size for _, file in wheel.files) >= BIG_WHEEL:
            yield LayerPlan(name=f"wheel-{wheel.name}", platform=part.platform, parts=(part,))
        else:
            number = bucket(wheel.name, SHARED_BUCKETS if shared else PLATFORM_BUCKETS)
            buckets.setdefault((not shared, number), []).append(part)
    for (own, number), parts in sorted(buckets.items()):
        name = f"wheels-{platform.slug if own else 'any'}-{number}"
        yield LayerPlan(name=name, platform=platform if own else None, parts=tuple(parts))
    if links := _extension_links(lock, platform):
        part_of_links = FilesPart(name="duckdb-extensions", files=links)
        yield LayerPlan(name="duckdb", platform=platform, parts=(part_of_links,))


def bucket(name: str, count: int) -> int:
    """Which of ``count`` buckets a package belongs to; the same for ever."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % count


def _extension_links(lock: Lock, platform: Platform) -> tuple[PlannedFile, ...]:
    """DuckDB looks for an extension under its own version and platform; the wheels put it elsewhere."""
    return tuple(
        PlannedFile(
            path=f"{DUCKDB}/v{wheel.version}/linux_{platform.architecture}/{name}.duckdb_extension",
            mode=0o777,
            link=f"../../../../../{SITE}/duckdb_extension_{name}/extensions/v{wheel.version}/{name}.duckdb_extension",
        )
        for wheel, name in _extensions(lock)
        if wheel.file_for(platform) is not None
    )


def _extensions(lock: Lock) -> Iterator[tuple[LockedWheel, str]]:
    for wheel in sorted(lock.wheels, key=lambda each: each.name):
        if wheel.name.startswith(_EXTENSION):
            yield wheel, wheel.name.removeprefix(_EXTENSION).replace("-", "_")
