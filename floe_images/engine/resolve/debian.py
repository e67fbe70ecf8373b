"""Debian's half of a lock: the base's closure and the user's packages, for both architectures, from signed indexes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from floe_images.engine.resolve.debian_closure import closure
from floe_images.engine.resolve.debian_index import Getter, Suite, open_suite, read_packages
from floe_images.engine.resolve.debian_mirrors import ARCHIVE, SECURITY, DebianMirrors
from floe_images.engine.resolve.debian_packages import Package, Universe
from floe_images.engine.resolve.debian_signature import ArchiveKey, archive_keys
from floe_images.engine.store import Store
from floe_images.errors import ResolveError
from floe_images.image.platform import Platform
from floe_images.lock.base_recipe import BaseRecipe, base_recipe
from floe_images.lock.model import DebianSnapshot, LockedDeb, LockedFile
from floe_images.progress import Progress

# Bytecode is made by the image's interpreter on whatever machine builds, so its packages are locked for both.
PLATFORMS = (Platform("linux", "amd64"), Platform("linux", "arm64"))

Closures = tuple[tuple[Platform, tuple[LockedDeb, ...]], ...]


def resolve_debian(
    packages: Sequence[str],
    *,
    debug: bool,
    mirrors: DebianMirrors,
    http: Getter,
    store: Store,
    previous: DebianSnapshot | None,
    progress: Progress,
    clock: Callable[[], float] = time.time,
    keys: Callable[[str], tuple[ArchiveKey, ...]] = archive_keys,
) -> tuple[DebianSnapshot, Closures]:
    """The snapshot, and for linux/amd64 and linux/arm64 every package sorted by name.

    ``packages`` are the user's (names of image.debian_packages); ``debug`` adds what only image.debug's image gets.
    ``previous`` is the lock's snapshot: an older index is refused. ``keys`` gives those that may vouch for a suite.
    Raises ResolveError, SignatureError, IndexExpiredError and the leaves for mirrors.
    """
    recipe = base_recipe()
    suites = _open_suites(recipe.suite, mirrors, http, previous, progress, clock, keys)
    closures = tuple(
        (platform, _resolve_platform(platform, recipe, packages, debug, _universe(platform, suites, http, store)))
        for platform in PLATFORMS
    )
    _check_interpreters(recipe, closures)
    return _snapshot(recipe.suite, suites), closures


def resolve_above(
    recipe: BaseRecipe,
    *,
    mirrors: DebianMirrors,
    http: Getter,
    store: Store,
    previous: DebianSnapshot | None,
    progress: Progress,
    clock: Callable[[], float] = time.time,
    keys: Callable[[str], tuple[ArchiveKey, ...]] = archive_keys,
) -> tuple[DebianSnapshot, Closures]:
    """What ``recipe``, which the base's is a part of, needs beside every image's root. Else as `resolve_debian`."""
    base = base_recipe()
    suites = _open_suites(recipe.suite, mirrors, http, previous, progress, clock, keys)
    closures = []
    for platform in PLATFORMS:
        universe = _universe(platform, suites, http, store)
        root = {deb.name for deb in _resolve_platform(platform, base, (), False, universe)}
        found = _resolve_platform(platform, recipe, (), False, universe)
        closures.append((platform, tuple(deb for deb in found if deb.name not in root)))
    return _snapshot(recipe.suite, suites), tuple(closures)


def _open_suites(
    suite: str,
    mirrors: DebianMirrors,
    http: Getter,
    previous: DebianSnapshot | None,
    progress: Progress,
    clock: Callable[[], float],
    keys: Callable[[str], tuple[ArchiveKey, ...]],
) -> tuple[Suite, ...]:
    seen = dict(previous.dates) if previous else {}
    suites = []
    for name, archive in suites_of(suite):
        progress.note(f"reading Debian's index {name}")
        places = mirrors.places(archive)
        suites.append(
            open_suite(name, archive, places, http=http, keys=keys(name), now=clock(), previous=seen.get(name))
        )
    return tuple(suites)


def _snapshot(suite: str, suites: Sequence[Suite]) -> DebianSnapshot:
    dates = tuple(sorted((each.name, each.release.date) for each in suites))
    return DebianSnapshot(suite=suite, time=max(date for _, date in dates), dates=dates)


def _universe(platform: Platform, suites: Sequence[Suite], http: Getter, store: Store) -> Universe:
    return Universe([read_packages(suite, platform.architecture, http=http, store=store) for suite in suites])


def suites_of(suite: str) -> tuple[tuple[str, str], ...]:
    """(suite, archive) of everything that a release consists of; of equal versions the first one's is taken."""
    return ((suite, ARCHIVE), (f"{suite}-updates", ARCHIVE), (f"{suite}-security", SECURITY))


def _resolve_platform(
    platform: Platform, recipe: BaseRecipe, packages: Sequence[str], debug: bool, universe: Universe
) -> tuple[LockedDeb, ...]:
    chosen = closure(
        universe,
        (*recipe.roots, *(recipe.debug if debug else ())),
        architecture=platform.architecture,
        omissions=recipe.omissions,
        forbidden=dict(recipe.forbidden),
        asked=packages,
    )
    return tuple(_locked(package) for package in chosen)


def _check_interpreters(recipe: BaseRecipe, closures: Closures) -> None:
    """Bytecode is made by either platform's interpreter for both, so it has to be one version."""
    name = f"python{recipe.python}"
    versions = [(platform, deb.version) for platform, debs in closures for deb in debs if deb.name == name]
    if len({version for _, version in versions}) > 1:
        raise ResolveError(
            f"{name} is {' and '.join(f'{version} for {platform}' for platform, version in versions)}",
            hint="the mirror is in the middle of an update: try again later",
        )


def _locked(package: Package) -> LockedDeb:
    return LockedDeb(
        name=package.name,
        version=package.version,
        architecture=package.architecture,
        archive=package.archive,
        pool=package.pool,
        source=package.source,
        file=LockedFile(name=package.pool.rpartition("/")[2], size=package.size, sha256=package.sha256),
    )
