"""Python's half of a lock: the same pins for every platform, wheels only, each by name, size and sha256."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from floe_images.engine.fetch.reach import Reach
from floe_images.engine.resolve.obtain import know
from floe_images.engine.resolve.uv import Upgrade, compile_lock
from floe_images.engine.resolve.uv_program import GLIBC
from floe_images.engine.resolve.wheels import FoundWheel, choose_wheels, tags_of
from floe_images.engine.store import Store
from floe_images.errors import ResolveError
from floe_images.image.platform import Platform
from floe_images.lock.model import LockedFile, LockedWheel
from floe_images.progress import Progress

_PARALLEL = 8
_Compile = Callable[[Platform, Sequence[str]], tuple[FoundWheel, ...]]


def resolve_python(
    requirements: Sequence[str],
    *,
    platforms: Sequence[Platform],
    python: str,
    reach: Reach,
    store: Store,
    progress: Progress,
    previous: Sequence[LockedWheel] = (),
    upgrade: Upgrade | None = None,
    folders: Sequence[Path] = (),
) -> tuple[LockedWheel, ...]:
    """``requirements`` are PEP 508 lines; ``previous`` wheels' versions are kept unless ``upgrade`` frees them.

    Raises ResolveError where nothing fits or a platform has no wheel, and the leaves for mirrors.
    """
    pins = {wheel.name: wheel.version for wheel in previous}

    def compile_for(platform: Platform, constraints: Sequence[str]) -> tuple[FoundWheel, ...]:
        progress.note(f"resolving Python packages for {platform}")
        document = compile_lock(
            requirements,
            platform=platform,
            python=python,
            index=reach.index,
            http=reach.http,
            folders=folders,
            constraints=constraints,
            pins=pins,
            upgrade=upgrade,
            store=store,
        )
        return choose_wheels(document, tags_of(platform, python, GLIBC), f"Python for {platform}")

    found = _same_pins(tuple(platforms), compile_for)
    return _lock(found, reach, store)


def _same_pins(platforms: tuple[Platform, ...], compile_for: _Compile) -> Mapping[Platform, tuple[FoundWheel, ...]]:
    """Resolve one platform after the other, each bound to the pins before. The newest version may lack a wheel for a
    later platform: then the other order gives pins that both have."""
    failures: list[tuple[bool, ResolveError]] = []
    for order in dict.fromkeys((platforms, platforms[::-1])):
        found: dict[Platform, tuple[FoundWheel, ...]] = {}
        pins: dict[str, str] = {}
        try:
            for platform in order:
                found[platform] = compile_for(
                    platform, [f"{name}=={version}" for name, version in sorted(pins.items())]
                )
                pins |= {wheel.name: wheel.version for wheel in found[platform]}
        except ResolveError as error:
            failures.append((bool(found), error))
        else:
            return found
        if not found:
            break  # this platform alone has no answer, so no order has one
    # A failure that the other platform's pins had no part in says what is really missing.
    raise min(failures, key=lambda failure: failure[0])[1]


def _lock(found: Mapping[Platform, tuple[FoundWheel, ...]], reach: Reach, store: Store) -> tuple[LockedWheel, ...]:
    wheels = {wheel.url: wheel for chosen in found.values() for wheel in chosen}
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="know") as pool:
        files = dict(
            zip(
                wheels,
                pool.map(
                    lambda wheel: know(wheel.file, wheel.url, wheel.size, wheel.sha256, http=reach.http, store=store),
                    wheels.values(),
                ),
                strict=True,
            )
        )
    by_name: dict[str, dict[Platform, FoundWheel]] = {}
    for platform, chosen in found.items():
        for wheel in chosen:
            by_name.setdefault(wheel.name, {})[platform] = wheel
    return tuple(
        LockedWheel(
            name=name,
            version=next(iter(chosen.values())).version,
            files=_files({platform: files[wheel.url] for platform, wheel in chosen.items()}, set(found)),
        )
        for name, chosen in sorted(by_name.items())
    )


def _files(
    chosen: Mapping[Platform, LockedFile], platforms: set[Platform]
) -> tuple[tuple[Platform | None, LockedFile], ...]:
    """One row without a platform where one ``any`` wheel serves every platform of the lock."""
    distinct = set(chosen.values())
    if len(distinct) == 1 and set(chosen) == platforms and (file := next(iter(distinct))).name.endswith("-any.whl"):
        return ((None, file),)
    return tuple(sorted(chosen.items()))
