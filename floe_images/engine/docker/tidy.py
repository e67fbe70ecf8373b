"""Taking back what a run or a demo made in an engine: images and volumes by their names, orphans."""

from __future__ import annotations

import contextlib
import platform

from floe_images.engine.docker.connect import Engine, engine_errors
from floe_images.engine.docker.run import OWNER
from floe_images.engine.processes import alive


def make_volume(engine: Engine, name: str) -> None:
    """A named volume; nothing happens where it is there already. Raise EngineError where the engine refuses."""
    with engine_errors(f"making the volume {name}"):
        engine.client.api.create_volume(name, labels={"floe.run": "1"})


def remove_orphans(engine: Engine) -> None:
    """Containers whose run on this machine was killed: nobody hears them, and they hold their volume's database."""
    with engine_errors("looking for containers of killed runs"):
        found = engine.client.api.containers(all=True, filters={"label": OWNER})
        for container in found:
            machine, _, pid = str(container["Labels"].get(OWNER)).rpartition(" ")
            if machine == platform.node() and pid.isdecimal() and not alive(int(pid)):
                with contextlib.suppress(Exception):  # another run was quicker
                    engine.client.api.remove_container(container["Id"], force=True)


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
