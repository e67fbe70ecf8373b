"""What a platform keeps, and the mark of a restore that is under way.

The mark is a volume without content, made before the first one and removed last. A restore that was killed leaves it,
and nobody uses what is half there: `floe up` and `floe backup` refuse, `floe restore` begins anew, `floe down
--volumes` throws all of it away.
"""

from __future__ import annotations

import contextlib

from floe_images.engine.docker.connect import Engine, engine_errors
from floe_images.engine.docker.tidy import remove_orphans, remove_volume
from floe_images.engine.docker.volumes import volumes
from floe_images.errors import ServiceError
from floe_images.plan.places import volume_name

KEY = "restoring"


def kept_volumes(engine: Engine, project: str) -> tuple[str, ...]:
    """What the platform keeps, as compose files name it: volumes that compose made for it, and the state, which a run
    makes as well. Raises EngineError."""
    prefix = volume_name(project, "")
    return tuple(
        each.name.removeprefix(prefix)
        for each in volumes(engine)
        if (each.project == project and each.name.startswith(prefix)) or each.name == f"{prefix}state"
    )


def throw_away(engine: Engine, project: str) -> None:
    """Every volume of the platform's, and the mark. Raises EngineError, also where a container has one."""
    remove_orphans(engine)  # what a killed backup left has one, too
    for key in kept_volumes(engine, project):
        remove_volume(engine, volume_name(project, key))
    unmark(engine, project)


def mark(engine: Engine, project: str) -> None:
    """Raises EngineError."""
    with engine_errors("marking the restore"):
        engine.client.api.create_volume(volume_name(project, KEY), labels={"floe.restoring": project})


def unmark(engine: Engine, project: str) -> None:
    """Nothing happens where there is no mark. Raises EngineError."""
    remove_volume(engine, volume_name(project, KEY))


def is_marked(engine: Engine, project: str) -> bool:
    """Raises EngineError."""
    import docker.errors

    with engine_errors("looking for an unfinished restore"), contextlib.suppress(docker.errors.NotFound):
        engine.client.api.inspect_volume(volume_name(project, KEY))
        return True
    return False


def check_whole(engine: Engine, project: str) -> None:
    """Raises ServiceError where a restore was begun and not finished, EngineError."""
    if is_marked(engine, project):
        raise ServiceError(
            "a restore was not finished: what the platform keeps is only half there",
            hint="`floe restore FILE` does it anew; `floe down --volumes` throws away what is there",
        )
