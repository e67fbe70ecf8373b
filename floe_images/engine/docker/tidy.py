"""Taking back what a run or a demo made in an engine: images and volumes, by exactly their names."""

from __future__ import annotations

import contextlib

from floe_images.engine.docker.connect import Engine, engine_errors


def make_volume(engine: Engine, name: str) -> None:
    """A named volume; nothing happens where it is there already. Raise EngineError where the engine refuses."""
    with engine_errors(f"making the volume {name}"):
        engine.client.api.create_volume(name, labels={"floe.run": "1"})


def remove_volume(engine: Engine, name: str) -> None:
    """Nothing happens where there is none."""
    import docker.errors

    with engine_errors(f"removing the volume {name}"), contextlib.suppress(docker.errors.NotFound):
        engine.client.api.remove_volume(name, force=True)


def remove_image(engine: Engine, reference: str) -> None:
    """Nothing happens where there is none."""
    import docker.errors

    with engine_errors(f"removing {reference}"), contextlib.suppress(docker.errors.ImageNotFound):
        engine.client.api.remove_image(reference, noprune=False)
