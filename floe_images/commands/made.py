"""What is said of images that were made, built or copied, for scripts and for people."""

from __future__ import annotations

from collections.abc import Callable

from floe_images.image.build import BuiltImage
from floe_images.image.copied import CopiedImage
from floe_images.image.packed import PackedImage
from floe_images.project.build import Built
from floe_images.project.copied import CopiedService
from floe_images.project.put import Image, Made


def built_document(built: Built) -> dict[str, object]:
    return _document(built, _built_facts)


def built_text(built: Built) -> str:
    return _text(built, f"{built.reference} {built.digest}", _built_line)


def copied_document(copied: CopiedService) -> dict[str, object]:
    return {"service": copied.service, **_document(copied.made, _copied_facts)}


def copied_text(copied: CopiedService) -> str:
    made = copied.made
    return _text(made, f"{made.reference} {made.digest} (copied from its registry)", _copied_line)


def _built_facts(image: BuiltImage) -> dict[str, object]:
    return {"unpacked": image.unpacked_size, "made": [layer.name for layer in image.layers if layer.rebuilt]}


def _copied_facts(image: CopiedImage) -> dict[str, object]:
    return {"fetched": [layer.digest for layer in image.layers if layer.rebuilt]}


def _built_line(image: BuiltImage) -> str:
    made = _new(image)
    return (
        f"{image.unpacked_size / 1e6:.1f} MB in {len(image.layers)} layers, {image.packed_size / 1e6:.1f} MB "
        f"compressed; {made} layers made, {len(image.layers) - made} from the cache"
    )


def _copied_line(image: CopiedImage) -> str:
    fetched = _new(image)
    return (
        f"{image.packed_size / 1e6:.1f} MB compressed in {len(image.layers)} layers; "
        f"{fetched} fetched, {len(image.layers) - fetched} from the cache"
    )


def _new(image: PackedImage) -> int:
    return sum(layer.rebuilt for layer in image.layers)


def _document(made: Made[Image], facts: Callable[[Image], dict[str, object]]) -> dict[str, object]:
    return {
        "reference": made.reference,
        "digest": made.digest,
        "layout": str(made.layout),
        "images": [
            {
                "platform": str(image.platform),
                "manifest": image.manifest_digest,
                "config": image.config_digest,
                "size": image.packed_size,
                "layers": len(image.layers),
                **facts(image),
            }
            for image in made.images
        ],
        "archives": [str(path) for path in made.archives],
        "loaded": made.loaded.id if made.loaded else None,
    }


def _text(made: Made[Image], head: str, line: Callable[[Image], str]) -> str:
    lines = [head, *(f"{image.platform}: {line(image)}" for image in made.images), f"layout: {made.layout}"]
    lines += [f"archive: {path}" for path in made.archives]
    if made.loaded:
        lines.append(f"loaded: {made.loaded.reference} ({made.loaded.platform})")
    return "\n".join(lines)
