"""Loading an image archive into an engine, and checking that what the engine has is what the archive names.

The ID is the config's digest on the classic store and the manifest's on the containerd store. "Loaded image" is no
proof: an engine says so of the wrong architecture, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from floe_images.engine.docker.connect import Engine, engine_errors, refused
from floe_images.errors import EngineError, UsageError
from floe_images.image.read import StoredImage, open_source, read_index
from floe_images.progress import Progress

_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class LoadedImage:
    """``id`` is the engine's name for exactly these bytes; ``size`` is what the engine says, in bytes."""

    reference: str
    id: str
    platform: str
    size: int


def load_archive(engine: Engine, path: Path, progress: Progress) -> LoadedImage:
    """Stream the archive of one platform into ``engine`` and verify what it made of it.

    Raise UsageError where ``path`` is no such archive, EngineError where the engine refuses it or has something else.
    """
    image = _only_image(path)
    progress.phase("load")
    progress.total("load", path.stat().st_size)
    with engine_errors(f"loading {path.name}"):
        for line in engine.client.api.load_image(_read(path, progress), quiet=True):  # type: ignore[no-untyped-call]
            if "error" in line:
                raise refused(f"loading {path.name}", line["error"])
    return verify_loaded(engine, image)


def verify_loaded(engine: Engine, image: StoredImage) -> LoadedImage:
    """What the engine has under the image's reference. Raise EngineError unless it is ``image``."""
    expected = image.manifest_digest if engine.store == "containerd" else image.config_digest
    with engine_errors(f"inspecting {image.reference}"):
        found = engine.client.api.inspect_image(image.reference)  # type: ignore[no-untyped-call]
    platform = f"{found.get('Os')}/{found.get('Architecture')}"
    if found["Id"] != expected or platform != image.platform:
        raise EngineError(
            f"the engine has {platform} {found['Id']} under {image.reference}, not {image.platform} {expected}",
            hint="another image may have been loaded at the same time: load this one again",
        )
    return LoadedImage(reference=image.reference, id=found["Id"], platform=platform, size=int(found["Size"]))


def _only_image(path: Path) -> StoredImage:
    with open_source(path) as source:
        images = read_index(source).images
    if len(images) != 1 or not path.is_file():
        raise UsageError(
            "not an archive of one platform's image", where=str(path), hint="`floe build --output FOLDER` writes them"
        )
    return images[0]


def _read(path: Path, progress: Progress) -> Iterator[bytes]:
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
            progress.advance("load", len(chunk))
