"""A recipe and its lock → the plans of a service's images: the pipeline's own root, and the service's layer on top."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from floe_images.errors import UsageError
from floe_images.image.platform import Platform
from floe_images.lock.model import Lock, LockedRecipe
from floe_images.lock.recipe import Recipe, RecipeImage
from floe_images.plan.base_files import GID, UID
from floe_images.plan.config import service_annotations
from floe_images.plan.layers import debian_layers
from floe_images.plan.model import (
    DebPart,
    FilesPart,
    ImageConfig,
    ImagePlan,
    LayerPlan,
    Part,
    Plan,
    PlannedFile,
    WheelPart,
)
from floe_images.spec.model import Spec

_MAX_SIZE = 2 * 10**9  # bytes


@dataclass(frozen=True, kw_only=True)
class ServicePlan:
    """``init`` runs to its end on the same volumes before ``image`` starts; None where nothing has to be prepared."""

    service: str
    recipe: Recipe
    image: Plan
    init: Plan | None

    @property
    def plans(self) -> tuple[Plan, ...]:
        return (self.image, self.init) if self.init else (self.image,)


def plan_service(
    spec: Spec,
    lock: Lock,
    locked: LockedRecipe,
    recipe: Recipe,
    *,
    platforms: tuple[Platform, ...] = (),
    epoch: int | None = None,
) -> ServicePlan:
    """``platforms`` empty: all of the lock's; ``epoch`` in seconds is `created`, None: the time of the recipe's lock.

    Nothing of the pipeline's but its root is in the plan: another model or package is no reason to start a database
    anew. Raises UsageError for a platform that the lock has not.
    """
    for platform in platforms:
        if platform not in lock.platforms:
            raise UsageError(f"{platform} is not locked", hint="image.platforms of floe.yaml, then `floe lock`")
    make = _Make(
        spec,
        lock,
        locked,
        recipe,
        tuple(sorted(set(platforms or lock.platforms))),
        locked.time if epoch is None else epoch,
    )
    return ServicePlan(
        service=locked.service,
        recipe=recipe,
        image=make.plan(recipe.image, init=False),
        init=make.plan(recipe.init, init=True) if recipe.init else None,
    )


class _Make:
    def __init__(
        self, spec: Spec, lock: Lock, locked: LockedRecipe, recipe: Recipe, platforms: tuple[Platform, ...], epoch: int
    ) -> None:
        self.spec, self.lock, self.locked, self.recipe = spec, lock, locked, recipe
        self.platforms, self.epoch = platforms, epoch
        self._extra = frozenset(recipe.init.packages if recipe.init else ())

    def plan(self, image: RecipeImage, *, init: bool) -> Plan:
        layers = {platform: tuple(self.layers(platform, init)) for platform in self.lock.platforms}
        settings = _settings(image)
        name = f"{self.locked.service}-init" if init else self.locked.service
        title = f"{self.recipe.title} (prepares the volume)" if init else self.recipe.title
        said = service_annotations(self.lock, self.locked, title=title, epoch=self.epoch)
        return Plan(
            reference=f"localhost/floe-{name}:{_tag(self.locked.version)}-{_content((settings, layers))}",
            epoch=self.epoch,
            max_size=_MAX_SIZE,
            bytecode=False,
            annotations=said,
            images=tuple(
                ImagePlan(platform=platform, layers=layers[platform], config=replace(settings, labels=said))
                for platform in self.platforms
            ),
        )

    def layers(self, platform: Platform, init: bool) -> Iterator[LayerPlan]:
        """The pipeline's root first, as it is, so that an engine and a bundle have it once."""
        unscripted = frozenset(package.name for package in self.spec.image.debian_packages if package.skip_scripts)
        system, _ = debian_layers(self.lock, platform, unscripted)
        yield system
        yield LayerPlan(name=self.locked.service, platform=platform, parts=tuple(self.parts(platform)))
        if init and self.recipe.init:
            debs = (deb for deb in self.locked.debs(platform) if deb.name in self._extra)
            files = FilesPart(name=f"{self.locked.service}-init", files=_files(self.recipe.init))
            yield LayerPlan(
                name=f"{self.locked.service}-init",
                platform=platform,
                parts=(*(DebPart(deb=deb) for deb in debs), files),
            )

    def parts(self, platform: Platform) -> Iterator[Part]:
        there = {deb.name for deb in self.lock.debs(platform)}
        for deb in self.locked.debs(platform):
            if deb.name not in there and deb.name not in self._extra:
                yield DebPart(deb=deb)
        for wheel in self.locked.wheels:
            if wheel.file_for(platform):
                yield WheelPart(wheel=wheel, platform=None if None in dict(wheel.files) else platform)
        yield FilesPart(name=self.locked.service, files=_files(self.recipe.image))


def _settings(image: RecipeImage) -> ImageConfig:
    return ImageConfig(
        user=f"{UID}:{GID}",
        env=image.env,
        entrypoint=image.entrypoint,
        cmd=(),
        working_dir=image.working_dir,
        volumes=image.volumes,
        labels=(),
        healthcheck=("CMD", *image.healthcheck) if image.healthcheck else (),
        exposed_ports=tuple(f"{port}/tcp" for port in image.ports),
        stop_signal=image.stop_signal,
    )


def _files(image: RecipeImage) -> tuple[PlannedFile, ...]:
    return tuple(
        PlannedFile(
            path=file.path.lstrip("/"), mode=file.mode, data=file.text.encode(), link=file.link, folder=file.folder
        )
        for file in image.files
    )


def _tag(version: str) -> str:
    """A package's version as a tag may be: letters, digits, dots and dashes."""
    return re.sub(r"[^A-Za-z0-9.-]+", ".", version)


def _content(value: object) -> str:
    """12 hex digits that are another where the image is another, but for its labels: two projects on one machine may
    have different images of one version."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:12]
