"""A plan → layers in the cache, an OCI layout, archives, a loaded image."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from floe_images.engine.assemble.build import AssembledImage, assemble
from floe_images.engine.assemble.interpreter import host_platform, native_platform
from floe_images.engine.assemble.packer import tools
from floe_images.engine.fetch.needed import requests_for
from floe_images.engine.fetch.obtain import fetch_files
from floe_images.engine.store import Store, default_store
from floe_images.errors import DiskError, ToolVersionError, UsageError
from floe_images.image.build import BuiltImage
from floe_images.image.build import build_image as put_together
from floe_images.image.layout import BlobPath
from floe_images.image.place import DEBUG_LAYOUT, DEFAULT_LAYOUT, archive_name
from floe_images.image.reference import Reference
from floe_images.lock.model import Lock
from floe_images.plan.make import reference
from floe_images.plan.model import Plan
from floe_images.progress import SILENT, Progress
from floe_images.project.lock import LOCK_FILE, reach_for
from floe_images.project.put import Made, put_out
from floe_images.spec.load import Loaded

#: What a build made; the digest is over every platform that was built.
Built: TypeAlias = Made[BuiltImage]


def build_image(
    loaded: Loaded,
    lock: Lock,
    plan: Plan,
    *,
    output: Path | None = None,
    load: bool = False,
    frozen: bool = False,
    folders: Sequence[Path] = (),
    progress: Progress = SILENT,
) -> Built:
    """The image of ``plan`` as an OCI layout in ``.floe`` beside floe.yaml; one archive a platform in ``output``; with
    ``load``, in the container engine that the environment names.

    With ``frozen`` nothing but the cache and ``folders`` is read; else ``folders`` serve as well as an index. Raises
    ToolVersionError, NotCachedError, ProjectError, EngineError, and the leaves for packages, mirrors and disks.
    """
    check_places(loaded, plan_layout(loaded, plan), output)
    for image in plan.images:
        archive = output / archive_name(Reference.parse(plan.reference), image.platform) if output else None
        if archive and archive.is_dir():
            raise DiskError("is in the way: a folder has the archive's name", where=str(archive), hint="move it away")
    store = default_store()
    with store.in_use():
        images = assemble_images(loaded, lock, plan, store=store, frozen=frozen, folders=folders, progress=progress)
        layout = plan_layout(loaded, plan)
        return put_out_built(plan, images, layout=layout, output=output, load=load, store=store, progress=progress)


def put_out_built(
    plan: Plan,
    images: tuple[BuiltImage, ...],
    *,
    layout: Path,
    output: Path | None,
    load: bool,
    store: Store,
    progress: Progress,
) -> Built:
    """`put_out` for the images of ``plan``."""
    return put_out(
        Reference.parse(plan.reference),
        images,
        annotations=plan.annotations,
        layout=layout,
        output=output,
        load=load,
        blob_path=blobs(store),
        store=store,
        progress=progress,
    )


def assemble_images(
    loaded: Loaded,
    lock: Lock,
    plan: Plan,
    *,
    store: Store,
    frozen: bool = False,
    folders: Sequence[Path] = (),
    progress: Progress = SILENT,
) -> tuple[BuiltImage, ...]:
    """The images of ``plan``, their layers in the cache and nothing elsewhere. To be called inside ``store.in_use()``.

    Raises what `build_image` does.
    """
    check_tools(lock)
    files = _fetch(plan, lock, loaded, store, progress, frozen=frozen, folders=folders)
    assembled = assemble(
        plan,
        files=files,
        project=loaded.base,
        store=store,
        progress=progress,
        interpreter=lock.debs(host_platform()) if plan.bytecode else (),
        machine=native_platform(),
    )
    return images_of(plan, assembled)


def images_of(plan: Plan, assembled: Iterable[AssembledImage]) -> tuple[BuiltImage, ...]:
    """Layers in the cache → images with manifest and config."""
    return tuple(
        put_together(image.platform, image.layers, image.config, epoch=plan.epoch, annotations=plan.annotations)
        for image in assembled
    )


def plan_layout(loaded: Loaded, plan: Plan) -> Path:
    """Where the layout of ``plan`` goes: the debug image has a place of its own."""
    debug = plan.reference == reference(loaded.spec, debug=True)
    return loaded.base / (DEBUG_LAYOUT if debug else DEFAULT_LAYOUT)


def check_places(loaded: Loaded, layout: Path, output: Path | None) -> None:
    """What is in the way is found before the work; archives in a transform's folder would go into the next image.

    Raises DiskError, UsageError.
    """
    for folder in (layout.parent, layout):
        if os.path.lexists(folder) and not folder.is_dir():
            raise DiskError(
                "is in the way: floe keeps the image in a folder of that name", where=str(folder), hint="move it away"
            )
    for transform in loaded.spec.transforms:
        if output and Path(os.path.realpath(output)).is_relative_to(os.path.realpath(loaded.base / transform.path)):
            raise UsageError(
                f"--output {output} lies in the transform {transform.path}, and all of that goes into the image",
                hint="choose a folder outside of it",
            )


def check_tools(lock: Lock) -> None:
    """Raises ToolVersionError where this floe would give other digests than the lock's."""
    if lock.tools != tools():
        ours = ", ".join(f"{name} {version}" for name, version in tools())
        theirs = ", ".join(f"{name} {version}" for name, version in lock.tools)
        raise ToolVersionError(
            f"locked for {theirs}, but this floe packs with {ours}, which gives other digests",
            where=LOCK_FILE,
            hint="install the floe-images that made the lock, or run `floe lock` to accept the new digests",
        )


def _fetch(
    plan: Plan, lock: Lock, loaded: Loaded, store: Store, progress: Progress, *, frozen: bool, folders: Sequence[Path]
) -> Mapping[str, Path]:
    """Every locked file that the plan needs. Mirrors are not even looked for where the cache has all."""
    here = plan.workshop(native_platform())
    requests = requests_for(
        lock,
        [image.platform for image in (*plan.images, *([here] if here else []))],
        interpreter=host_platform() if plan.bytecode else None,
    )
    return fetch_files(
        requests,
        lock,
        store=store,
        reach=lambda: reach_for(loaded, progress),
        progress=progress,
        frozen=frozen,
        folders=folders,
    )


def blobs(store: Store) -> BlobPath:
    return lambda digest: store.path("blobs", digest.hex)
