"""A service's image in the lock: kept while its reference stays, resolved where it is new or to be upgraded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from floe_images.engine.registry.place import Registries
from floe_images.engine.registry.resolve import current_digest, read_name, resolve_image
from floe_images.errors import LockStaleError
from floe_images.image.digest import Digest
from floe_images.image.platform import Platform
from floe_images.lock.model import LockedImage
from floe_images.progress import Progress
from floe_images.spec.services import recipes_of


def lock_image(
    service: str,
    reference: str,
    platforms: Sequence[Platform],
    *,
    previous: LockedImage | None,
    registries: Registries,
    progress: Progress,
) -> LockedImage:
    """``previous`` is what is locked and may be kept: its registry is only asked for platforms that it lacks, and then
    for the digest that is locked. Raises ResolveError, UsageError and the leaves for mirrors."""
    if previous and previous.reference == reference:
        if set(platforms) <= dict(previous.manifests).keys():
            kept = tuple((platform, each) for platform, each in previous.manifests if platform in platforms)
            return replace(previous, manifests=kept)
        pinned = replace(read_name(reference), digest=Digest.parse(previous.index))
    else:
        pinned = None
    progress.note(f"resolving {reference}")
    return resolve_image(
        service,
        reference,
        platforms,
        pinned=pinned,
        registries=registries,
        progress=progress,
        way=other_way(service),
    )


def check_moved(images: Iterable[LockedImage], *, registries: Registries, progress: Progress) -> None:
    """Raise LockStaleError where a tag stands for another image than when it was locked; all of them are named."""
    moved = []
    for image in images:
        if read_name(image.reference).moves:
            found = current_digest(
                image.reference, registries=registries, progress=progress, way=other_way(image.service)
            )
            if found != image.index:
                moved.append(image)
                progress.detail(f"{image.reference}: {image.index} is locked, {found} is there")
    if moved:
        names = " ".join(f"--upgrade {image.service}" for image in moved)
        raise LockStaleError(
            f"another image now than when it was locked: {', '.join(image.reference for image in moved)}",
            where="floe.lock",
            hint=f"`floe lock {names}` takes what is there; until then the locked one is built",
        )


def other_way(service: str) -> str:
    """What else could be done where a registry cannot be had; "" where there is no recipe."""
    recipes = recipes_of(service)
    return f"`recipe: {recipes[0]}` in services.{service} makes the image from packages" if recipes else ""
