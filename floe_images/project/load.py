"""Built images into the container engine that the environment names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from floe_images.engine.docker.connect import Engine, connect, engine_errors
from floe_images.engine.docker.load import LoadedImage, load_archive
from floe_images.engine.store import Store, default_store
from floe_images.errors import EngineError, UsageError
from floe_images.image.archive import write_archive
from floe_images.image.layout import BlobPath
from floe_images.image.packed import PackedImage
from floe_images.image.platform import Platform
from floe_images.image.reference import Reference
from floe_images.lock.model import Lock
from floe_images.plan.make import BuildOptions
from floe_images.progress import Progress
from floe_images.project.build import assemble_images, blobs
from floe_images.project.plan import make_plan
from floe_images.spec.load import Loaded


def load_image(
    reference: Reference,
    images: Sequence[PackedImage],
    archives: Sequence[Path],
    *,
    blob_path: BlobPath,
    store: Store,
    progress: Progress,
) -> LoadedImage:
    """The image of the engine's own platform, from its archive where ``archives`` has one for each of ``images``.

    Raises UsageError where it was not built, EngineError.
    """
    with connect() as engine:
        wanted = Platform("linux", engine.architecture)
        for number, image in enumerate(images):
            if image.platform == wanted:
                with _archive(reference, image, archives[number] if archives else None, blob_path, store) as path:
                    return load_archive(engine, path, progress)
    raise UsageError(f"the engine runs {wanted}, which was not built", hint=f"build it, too: --platform {wanted}")


def image_in_engine(
    loaded: Loaded, lock: Lock, engine: Engine, *, frozen: bool, folders: Sequence[Path], progress: Progress
) -> LoadedImage:
    """Exactly the image of floe.yaml and its lock, as the engine has it; built and loaded where it has another.

    Raises what building and loading do.
    """
    plan = make_plan(loaded, lock, options=BuildOptions(platforms=(Platform("linux", engine.architecture),)))
    store = default_store()
    with store.in_use():
        images = assemble_images(loaded, lock, plan, store=store, frozen=frozen, folders=folders, progress=progress)
        reference = Reference.parse(plan.reference)
        return in_engine(reference, images, engine, blob_path=blobs(store), store=store, progress=progress)


def in_engine(
    reference: Reference,
    images: Sequence[PackedImage],
    engine: Engine,
    *,
    blob_path: BlobPath,
    store: Store,
    progress: Progress,
) -> LoadedImage:
    """The first of ``images``, which is of the engine's platform; loaded where the engine has another by its name."""
    there = _there(engine, reference, images[0])
    if there:
        return there
    progress.note(f"the engine does not have {reference} as it is now: loading it")
    return load_image(reference, images, (), blob_path=blob_path, store=store, progress=progress)


def _there(engine: Engine, reference: Reference, image: PackedImage) -> LoadedImage | None:
    wanted = image.manifest_digest if engine.store == "containerd" else image.config_digest
    try:
        with engine_errors(f"inspecting {reference}"):
            found = engine.client.api.inspect_image(str(reference))  # type: ignore[no-untyped-call]
    except EngineError:
        return None
    if found["Id"] != str(wanted):
        return None
    return LoadedImage(reference=str(reference), id=found["Id"], platform=str(image.platform), size=int(found["Size"]))


@contextlib.contextmanager
def _archive(
    reference: Reference, image: PackedImage, there: Path | None, blob_path: BlobPath, store: Store
) -> Iterator[Path]:
    if there:
        yield there
        return
    path = store.temporary("load")
    try:
        write_archive(path, image, reference=reference, blob_path=blob_path)
        yield path
    finally:
        path.unlink(missing_ok=True)
