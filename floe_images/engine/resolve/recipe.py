"""A service's recipe → what its image is put together from, by name, size and sha256, for both architectures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from floe_images.engine.fetch.reach import Reach
from floe_images.engine.resolve.debian import PLATFORMS, resolve_above
from floe_images.engine.resolve.python import resolve_python
from floe_images.engine.store import Store
from floe_images.errors import ResolveError
from floe_images.lock.base_recipe import base_recipe
from floe_images.lock.model import DebianSnapshot, LockedRecipe, LockedWheel
from floe_images.lock.recipe import Recipe
from floe_images.progress import Progress


def resolve_recipe(
    service: str,
    recipe: Recipe,
    *,
    reach: Reach,
    store: Store,
    progress: Progress,
    snapshot: DebianSnapshot | None = None,
    folders: Sequence[Path] = (),
) -> LockedRecipe:
    """The newest of everything that fits. ``snapshot``: a Debian index that is older than it is refused.

    Raises ResolveError, SignatureError, IndexExpiredError and the leaves for mirrors.
    """
    progress.note(f"resolving {recipe.title}")
    wheels: tuple[LockedWheel, ...] = ()
    if recipe.python:
        wheels = resolve_python(
            recipe.python,
            platforms=PLATFORMS,
            python=base_recipe().python,
            reach=reach,
            store=store,
            progress=progress,
            folders=folders,
        )
    taken, debian = resolve_above(
        recipe.with_base(), mirrors=reach.debian, http=reach.http, store=store, previous=snapshot, progress=progress
    )
    versions = {deb.version for _, debs in debian for deb in debs if deb.name == recipe.program}
    versions |= {wheel.version for wheel in wheels if wheel.name == recipe.program}
    if len(versions) != 1:
        raise ResolveError(
            f"{recipe.program} is {' and '.join(sorted(versions))} on different platforms",
            hint="the mirror is in the middle of an update: try again later",
        )
    return LockedRecipe(
        service=service,
        recipe=recipe.name,
        version=versions.pop(),
        inputs=recipe.inputs,
        time=taken.time,
        debian=debian,
        wheels=wheels,
    )
