"""Spec → the services of a lock: kept, taken from what is shipped, or resolved anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from floe_images.engine.fetch.reach import Reach
from floe_images.engine.resolve.recipe import resolve_recipe
from floe_images.engine.resolve.uv import Upgrade
from floe_images.engine.store import Store
from floe_images.errors import ResolveError
from floe_images.image.platform import Platform
from floe_images.lock.model import DebianSnapshot, Lock, LockedDeb, LockedImage, LockedRecipe, LockedService
from floe_images.lock.recipe import recipe
from floe_images.lock.services import kept_service, locked_reference, names_of
from floe_images.progress import Progress
from floe_images.spec.model import Spec
from floe_images.spec.services import Service, recipe_of


def resolve_services(
    spec: Spec,
    *,
    reach: Reach,
    store: Store,
    progress: Progress,
    previous: Lock | None,
    upgrade: Upgrade,
    snapshot: DebianSnapshot,
    debian: Sequence[tuple[Platform, Sequence[LockedDeb]]],
    folders: Sequence[Path] = (),
) -> tuple[LockedService, ...]:
    """Sorted by name. ``debian`` is the pipeline's own closure, which recipes' images stand on, from ``snapshot``.

    Raises ResolveError, UsageError and the leaves for mirrors.
    """
    found: list[LockedService] = []
    for name, service in spec.services.each() if spec.services else ():
        wanted = upgrade.everything or not names_of(name, previous).isdisjoint(upgrade.names)
        kept = None if wanted else kept_service(name, service, previous)
        recipe_name = recipe_of(name, service)
        if recipe_name is None:
            found.append(_image(name, service, kept if isinstance(kept, LockedImage) else None, spec, reach, progress))
            continue
        locked = (
            kept
            if isinstance(kept, LockedRecipe)
            else resolve_recipe(
                name,
                recipe(recipe_name),
                reach=reach,
                store=store,
                progress=progress,
                snapshot=snapshot,
                folders=folders,
            )
        )
        _check_together(locked, debian)
        found.append(locked)
    return tuple(found)


def _image(
    name: str, service: Service, previous: LockedImage | None, spec: Spec, reach: Reach, progress: Progress
) -> LockedImage:
    from floe_images.engine.registry.lock import lock_image
    from floe_images.engine.registry.place import find_registries

    return lock_image(
        name,
        locked_reference(service),
        sorted(spec.image.platforms),
        previous=previous,
        registries=find_registries(reach, spec.image.mirrors.registries),
        progress=progress,
    )


def _check_together(service: LockedRecipe, debian: Sequence[tuple[Platform, Sequence[LockedDeb]]]) -> None:
    """A package that both bring is taken from the pipeline's; others of its source may ask for exactly its version.

    Raises ResolveError.
    """
    for platform, debs in debian:
        below = {deb.name: deb for deb in debs}
        for deb in service.debs(platform):
            other = below.get(deb.name)
            if other is not None and other.version != deb.version:
                raise ResolveError(
                    f"{deb.name} is {other.version} for the pipeline and {deb.version} for {service.service}",
                    where="floe.lock",
                    hint=f"`floe lock --upgrade {deb.name} --upgrade {service.service}` takes the newest for both",
                )
