"""Images whose blobs are in the cache → a layout, archives, and the container engine: built or copied alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from floe_images.engine.alone import alone
from floe_images.engine.store import Store
from floe_images.errors import disk_error
from floe_images.image.archive import write_archive
from floe_images.image.layout import BlobPath, write_layout
from floe_images.image.packed import PackedImage
from floe_images.image.place import archive_name
from floe_images.image.reference import Reference
from floe_images.image.words import Annotations
from floe_images.progress import Progress

if TYPE_CHECKING:
    from floe_images.engine.docker.load import LoadedImage

Image = TypeVar("Image", bound=PackedImage)


@dataclass(frozen=True, kw_only=True)
class Made(Generic[Image]):
    """``reference`` is what the image is called in an engine; ``digest`` is the layout's index, over ``images``."""

    reference: str
    digest: str
    layout: Path
    images: tuple[Image, ...]
    archives: tuple[Path, ...] = ()
    loaded: LoadedImage | None = None


def put_out(
    reference: Reference,
    images: tuple[Image, ...],
    *,
    annotations: Annotations,
    layout: Path,
    output: Path | None,
    load: bool,
    blob_path: BlobPath,
    store: Store,
    progress: Progress,
) -> Made[Image]:
    """The layout; one archive a platform in ``output``; with ``load``, the engine's platform in the engine that the
    environment names. To be called inside ``store.in_use()``. Raises DiskError, EngineError, UsageError."""
    progress.phase("write")
    project = next(folder for folder in layout.absolute().parents if ".floe" not in folder.parts)
    with alone(project, lambda: progress.note("another floe writes an image of this project; waiting for it")):
        digest = write_layout(layout, images, reference=reference, annotations=annotations, blob_path=blob_path)
        archives = _write_archives(reference, images, output, blob_path) if output else ()
        loaded = None
        if load:
            from floe_images.project.load import load_image

            loaded = load_image(reference, images, archives, blob_path=blob_path, store=store, progress=progress)
    return Made(reference=str(reference), digest=digest, layout=layout, images=images, archives=archives, loaded=loaded)


def _write_archives(
    reference: Reference, images: Sequence[PackedImage], folder: Path, blob_path: BlobPath
) -> tuple[Path, ...]:
    paths = tuple(folder / archive_name(reference, image.platform) for image in images)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, str(folder)) from error
    for path, image in zip(paths, images, strict=True):
        write_archive(path, image, reference=reference, blob_path=blob_path)
    return paths
