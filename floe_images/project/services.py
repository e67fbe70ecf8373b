"""The images of services: planned from recipes and their locks, put together as the pipeline's is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from floe_images.engine.assemble.build import assemble
from floe_images.engine.fetch.obtain import fetch_files
from floe_images.engine.fetch.request import FileRequest
from floe_images.engine.store import Store, default_store
from floe_images.image.build import BuiltImage
from floe_images.image.place import SERVICES
from floe_images.image.platform import Platform
from floe_images.image.reference import Reference
from floe_images.lock.model import Lock, LockedRecipe
from floe_images.lock.recipe import recipe
from floe_images.plan.make import BuildOptions
from floe_images.plan.model import DebPart, Plan, WheelPart
from floe_images.plan.services import ServicePlan, plan_service
from floe_images.progress import SILENT, Progress
from floe_images.project.build import Built, blobs, check_places, check_tools, images_of, put_out_built
from floe_images.project.lock import reach_for
from floe_images.spec.load import Loaded

if TYPE_CHECKING:
    from floe_images.engine.docker.connect import Engine
    from floe_images.engine.fetch.reach import Reach


def plan_services(loaded: Loaded, lock: Lock, *, options: BuildOptions | None = None) -> tuple[ServicePlan, ...]:
    """Of every service that has a recipe. Nothing is read but the recipes. Raises UsageError for a platform that the
    lock has not."""
    options = options or BuildOptions()
    return tuple(
        plan_service(loaded.spec, lock, locked, recipe(locked.recipe), platforms=options.platforms, epoch=options.epoch)
        for locked in _recipes(lock)
    )


def build_services(
    loaded: Loaded,
    lock: Lock,
    *,
    options: BuildOptions | None = None,
    output: Path | None = None,
    load: bool = False,
    frozen: bool = False,
    folders: Sequence[Path] = (),
    progress: Progress = SILENT,
) -> tuple[Built, ...]:
    """Every image of every service that has a recipe: an OCI layout in ``.floe/services/NAME`` and, for what prepares
    its volume, in ``.floe/services/NAME-init``; else as `project.build.build_image`, and it raises what that does."""
    plans = plan_services(loaded, lock, options=options)
    for service in plans:
        for layout in _layouts(loaded, service):
            check_places(loaded, layout, output)
    store = default_store()
    built = []
    with store.in_use():
        for service in plans:
            for plan, layout in zip(service.plans, _layouts(loaded, service), strict=True):
                images = service_images(
                    loaded, lock, plan, service.service, store=store, frozen=frozen, folders=folders, progress=progress
                )
                built.append(
                    put_out_built(plan, images, layout=layout, output=output, load=load, store=store, progress=progress)
                )
    return tuple(built)


def services_in_engine(
    loaded: Loaded,
    lock: Lock,
    engine: Engine,
    *,
    frozen: bool = False,
    folders: Sequence[Path] = (),
    progress: Progress = SILENT,
) -> tuple[ServicePlan, ...]:
    """The plans for the engine's platform; the engine then has their images. Raises as `build_services`."""
    from floe_images.project.load import in_engine

    options = BuildOptions(platforms=(Platform("linux", engine.architecture),))
    plans, store = plan_services(loaded, lock, options=options), default_store()
    with store.in_use():
        for service in plans:
            for plan in service.plans:
                images = service_images(
                    loaded, lock, plan, service.service, store=store, frozen=frozen, folders=folders, progress=progress
                )
                reference = Reference.parse(plan.reference)
                in_engine(reference, images, engine, blob_path=blobs(store), store=store, progress=progress)
    return plans


def service_images(
    loaded: Loaded,
    lock: Lock,
    plan: Plan,
    service: str,
    *,
    store: Store,
    frozen: bool = False,
    folders: Sequence[Path] = (),
    progress: Progress = SILENT,
) -> tuple[BuiltImage, ...]:
    """The images of one plan of ``service``, their layers in the cache. To be called inside ``store.in_use()``."""
    check_tools(lock)
    (locked,) = (each for each in _recipes(lock) if each.service == service)
    files = _fetch(plan, lock, locked, loaded, store, progress, frozen=frozen, folders=folders)
    assembled = assemble(plan, files=files, project=loaded.base, store=store, progress=progress)
    return images_of(plan, assembled)


def _recipes(lock: Lock) -> Iterator[LockedRecipe]:
    return (service for service in lock.services if isinstance(service, LockedRecipe))


def _layouts(loaded: Loaded, service: ServicePlan) -> tuple[Path, ...]:
    names = (service.service, f"{service.service}-init")
    return tuple(loaded.base / SERVICES / name for name in names[: len(service.plans)])


def _fetch(
    plan: Plan,
    lock: Lock,
    locked: LockedRecipe,
    loaded: Loaded,
    store: Store,
    progress: Progress,
    *,
    frozen: bool,
    folders: Sequence[Path],
) -> Mapping[str, Path]:
    """The root's files from the pipeline's snapshot, the service's from its own."""
    own = {deb.file.sha256 for _, debs in locked.debian for deb in debs}
    own |= {file.sha256 for wheel in locked.wheels for _, file in wheel.files}
    requests = tuple(_requests(plan))

    def reach() -> Reach:
        return reach_for(loaded, progress)

    found: dict[str, Path] = {}
    for mine, time in ((False, lock.snapshot.time), (True, locked.time)):
        found |= fetch_files(
            [request for request in requests if (request.file.sha256 in own) is mine],
            replace(lock, snapshot=replace(lock.snapshot, time=time)),
            store=store,
            reach=reach,
            progress=progress,
            frozen=frozen,
            folders=folders,
        )
    return found


def _requests(plan: Plan) -> Iterator[FileRequest]:
    parts = dict.fromkeys(
        (part, image.platform) for image in plan.images for layer in image.layers for part in layer.parts
    )
    for part, platform in parts:
        if isinstance(part, DebPart):
            yield FileRequest(file=part.deb.file, archive=part.deb.archive, pool=part.deb.pool)
        elif isinstance(part, WheelPart):
            file = part.wheel.file_for(platform)
            if file:
                yield FileRequest(file=file, project=part.wheel.name)
