"""A service that has a recipe, as containers: what prepares its volume and ends, and what serves on it."""

from __future__ import annotations

from dataclasses import dataclass

from floe_images.lock.recipe import Recipe, RecipeImage
from floe_images.render.compose.model import INSIDE, MEBIBYTE, OUTSIDE, ComposeService, Need, Port, Tmpfs

_SCRATCH = 64 * MEBIBYTE


@dataclass(frozen=True, kw_only=True)
class ServiceAsked:
    """What floe.yaml asks of a service. ``init_env`` and ``init_secrets`` are for what prepares its volume, ``secrets``
    for what serves. ``ports`` are published on loopback; ``memory`` in bytes, None: the recipe's own."""

    init_env: tuple[tuple[str, str], ...] = ()
    init_secrets: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    memory: int | None = None


def recipe_services(
    name: str, recipe: Recipe, *, image: str, init: str | None, asked: ServiceAsked
) -> tuple[ComposeService, ...]:
    """``image`` and ``init`` are references of the service's two images."""
    volumes = tuple((name, path) for path in recipe.image.volumes)
    serving = ComposeService(
        name=name,
        image=image,
        secrets=asked.secrets,
        volumes=volumes,
        tmpfs=_tmpfs(recipe.image),
        ports=asked.ports,
        networks=(INSIDE, OUTSIDE) if asked.ports else (INSIDE,),
        needs=(Need(service=f"{name}-init", condition="ended"),) if init else (),
        memory=asked.memory or recipe.image.memory,
    )
    if not init or not recipe.init:
        return (serving,)
    prepares = ComposeService(
        name=f"{name}-init",
        image=init,
        environment=asked.init_env,
        secrets=asked.init_secrets,
        volumes=volumes,
        tmpfs=_tmpfs(recipe.image),
        memory=recipe.init.memory,
        once=True,
    )
    return (prepares, serving)


def _tmpfs(image: RecipeImage) -> tuple[Tmpfs, ...]:
    return tuple(Tmpfs(path=path, size=_SCRATCH) for path in image.tmpfs)
