"""The images of services that come from registries: copied by the digests of the lock, put out as built ones are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from floe_images.engine.registry.copy import copy_image, downloaded
from floe_images.engine.registry.resolve import read_name
from floe_images.engine.store import Store, default_store
from floe_images.errors import UsageError
from floe_images.image.copied import CopiedImage
from floe_images.image.place import SERVICES
from floe_images.image.platform import Platform
from floe_images.lock.model import Lock, LockedImage
from floe_images.progress import SILENT, Progress
from floe_images.project.build import check_places
from floe_images.project.lock import reach_for
from floe_images.project.put import Made, put_out
from floe_images.spec.load import Loaded

if TYPE_CHECKING:
    from floe_images.engine.docker.connect import Engine
    from floe_images.engine.registry.client import Repository


@dataclass(frozen=True, kw_only=True)
class CopiedService:
    """The layout's index names the copied platforms alone; the manifests are the registry's, byte for byte."""

    service: str
    made: Made[CopiedImage]


def copy_services(
    loaded: Loaded,
    lock: Lock,
    *,
    platforms: Sequence[Platform] = (),
    output: Path | None = None,
    load: bool = False,
    frozen: bool = False,
    progress: Progress = SILENT,
) -> tuple[CopiedService, ...]:
    """Every image of the lock that comes from a registry: an OCI layout in ``.floe/services/NAME``, archives in
    ``output``, with ``load`` in the engine. ``platforms`` empty: all of the lock's.

    With ``frozen`` no registry is asked. Raises UsageError, NotCachedError, PackageGoneError, EngineError, and the
    leaves for mirrors and disks.
    """
    services = tuple(_images(lock))
    for platform in platforms:
        if platform not in lock.platforms:
            raise UsageError(f"{platform} is not locked", hint="image.platforms of floe.yaml, then `floe lock`")
    for service in services:
        check_places(loaded, _layout(loaded, service), output)
    wanted = tuple(sorted(set(platforms or lock.platforms)))
    return tuple(_copy(loaded, service, wanted, output, progress, load=load, frozen=frozen) for service in services)


def copied_in_engine(
    loaded: Loaded, lock: Lock, engine: Engine, *, frozen: bool = False, progress: Progress = SILENT
) -> Mapping[str, str]:
    """Service → what the engine calls its image, which it then has, for each that comes from a registry. Raises as
    `copy_services`."""
    from floe_images.project.load import in_engine

    store, platform = default_store(), Platform("linux", engine.architecture)
    found = {}
    with store.in_use():
        for service in _images(lock):
            images = _copy_images(loaded, service, (platform,), store, progress, frozen=frozen)
            reference = read_name(service.reference).local
            in_engine(reference, images, engine, blob_path=downloaded(store), store=store, progress=progress)
            found[service.service] = str(reference)
    return found


def _images(lock: Lock) -> Iterator[LockedImage]:
    return (service for service in lock.services if isinstance(service, LockedImage))


def open_locked(loaded: Loaded, service: LockedImage, progress: Progress) -> Repository:
    """The repository of a service's image, as floe.yaml and this machine reach it."""
    from floe_images.engine.registry.lock import other_way
    from floe_images.engine.registry.place import find_registries
    from floe_images.engine.registry.resolve import open_repository

    registries = find_registries(reach_for(loaded, progress), loaded.spec.image.mirrors.registries)
    return open_repository(service.reference, registries, progress, way=other_way(service.service))


def _copy(
    loaded: Loaded,
    service: LockedImage,
    platforms: Sequence[Platform],
    output: Path | None,
    progress: Progress,
    *,
    load: bool,
    frozen: bool,
) -> CopiedService:
    store = default_store()
    with store.in_use():
        images = _copy_images(loaded, service, platforms, store, progress, frozen=frozen)
        made = put_out(
            read_name(service.reference).local,
            images,
            annotations=(),
            layout=_layout(loaded, service),
            output=output,
            load=load,
            blob_path=downloaded(store),
            store=store,
            progress=progress,
        )
    return CopiedService(service=service.service, made=made)


def _copy_images(
    loaded: Loaded,
    service: LockedImage,
    platforms: Sequence[Platform],
    store: Store,
    progress: Progress,
    *,
    frozen: bool,
) -> tuple[CopiedImage, ...]:
    return copy_image(
        service,
        platforms,
        opened=partial(open_locked, loaded, service, progress),
        store=store,
        progress=progress,
        frozen=frozen,
    )


def _layout(loaded: Loaded, service: LockedImage) -> Path:
    return loaded.base / SERVICES / service.service
