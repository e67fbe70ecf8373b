"""Spec and Lock → Plan, as values: nothing is read, fetched or looked up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from floe_images import __version__
from floe_images.errors import UsageError
from floe_images.image.platform import Platform
from floe_images.lock.model import Lock
from floe_images.plan.config import image_annotations, image_config
from floe_images.plan.layers import debian_layers, debug_layer, wheel_layers
from floe_images.plan.model import (
    DataPart,
    FilesPart,
    ImagePlan,
    LayerPlan,
    ManifestPart,
    Plan,
    PlannedFile,
    RuntimePart,
    TreePart,
)
from floe_images.plan.places import MANIFESTS, PROJECT
from floe_images.spec.model import Spec


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """What a build is asked for beside floe.yaml and floe.lock.

    ``platforms`` empty: all of the lock's. ``epoch`` in seconds (SOURCE_DATE_EPOCH); None: the lock's snapshot time.
    Without ``bytecode`` nothing of the image is run to make it, so it has no manifests of dbt's either: its containers
    make them when they start.
    ``source`` and ``revision``: None leaves floe.yaml's. ``debug``: the second image, with a shell.
    """

    platforms: tuple[Platform, ...] = ()
    bytecode: bool = True
    epoch: int | None = None
    source: str | None = None
    revision: str | None = None
    debug: bool = False


def make_plan(spec: Spec, lock: Lock, *, options: BuildOptions, rendered: tuple[PlannedFile, ...]) -> Plan:
    """``rendered`` are the files that ``render/`` makes for the image (artifacts.json, dagster.yaml), on top of all.

    Raises UsageError for a platform that the lock has not, and for a debug image that floe.yaml does not ask for.
    """
    for platform in options.platforms:
        if platform not in lock.platforms:
            raise UsageError(
                f"{platform} is not locked",
                hint=f"floe.yaml has {', '.join(map(str, lock.platforms))} (image.platforms)",
            )
    if options.debug and not spec.image.debug:
        raise UsageError("floe.yaml asks for no debug image", hint="set image.debug to true, then `floe lock`")
    epoch = lock.snapshot.time if options.epoch is None else options.epoch
    said = image_annotations(
        spec,
        lock,
        epoch=epoch,
        source=options.source or spec.image.source,
        revision=options.revision or spec.image.revision,
        bytecode=options.bytecode,
        debug=options.debug,
    )
    config = image_config(said)
    platforms = sorted(set(options.platforms or lock.platforms))

    def image(platform: Platform) -> ImagePlan:
        layers = _layers(spec, lock, platform, options, epoch, rendered)
        return ImagePlan(platform=platform, layers=tuple(layers), config=config)

    return Plan(
        reference=reference(spec, debug=options.debug),
        epoch=epoch,
        max_size=spec.image.max_size,
        bytecode=options.bytecode,
        annotations=said,
        images=tuple(map(image, platforms)),
        workshops=tuple(map(image, lock.platforms)) if options.bytecode else (),
    )


def reference(spec: Spec, *, debug: bool = False) -> str:
    """``repository:tag``; the debug image differs in both, so that neither is ever taken for the other."""
    suffix = "-debug" if debug else ""
    return f"{spec.image.repository}{suffix}:{spec.image.tag}{suffix}"


def _layers(
    spec: Spec, lock: Lock, platform: Platform, options: BuildOptions, epoch: int, rendered: tuple[PlannedFile, ...]
) -> Iterator[LayerPlan]:
    unscripted = frozenset(package.name for package in spec.image.debian_packages if package.skip_scripts)
    yield from debian_layers(lock, platform, unscripted)
    yield from wheel_layers(lock, platform)
    yield LayerPlan(name="runtime", platform=None, parts=(RuntimePart(version=__version__),))
    if lock.data:
        data = tuple(DataPart(data=each, place=each.place.lstrip("/")) for each in lock.data)
        yield LayerPlan(name="data", platform=None, parts=data)
    trees = (
        TreePart(source=transform.path, place=str(PurePosixPath(PROJECT, transform.path)))
        for transform in spec.transforms
    )
    files = FilesPart(name="compiled", files=tuple(sorted(rendered, key=lambda file: file.path)))
    yield LayerPlan(name="project", platform=None, parts=(*trees, files))
    if options.bytecode:
        yield LayerPlan(name="manifest", platform=None, parts=(_manifest(spec, epoch),))
    if options.debug:
        yield debug_layer(lock, platform)


def _manifest(spec: Spec, epoch: int) -> ManifestPart:
    """What the project adds to the image may be a plugin of dbt's; what floe adds beside dbt is none."""
    added = (re.match(r"[\w.-]+", each) for each in spec.image.python_packages)  # PEP 508: the name comes first
    asked = ["dbt-core", *(f"dbt-{adapter}" for adapter in spec.adapters), *(name[0] for name in added if name)]
    return ManifestPart(
        targets=tuple(sorted(spec.targets)),
        transforms=tuple(sorted(f"project/{transform.path}" for transform in spec.transforms)),
        packages=tuple(sorted({re.sub(r"[-_.]+", "-", name).lower() for name in asked})),
        epoch=epoch,
        place=MANIFESTS,
    )
