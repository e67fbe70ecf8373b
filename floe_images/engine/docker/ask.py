"""Containers by their IDs: asked for what a program in them answers, stopped, started; those that read a secret."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence

from floe_images.engine.docker.connect import Engine, engine_errors

_GRACE = 30  # seconds, as compose files have it
_ANSWER = 1 << 20  # bytes


def ask(engine: Engine, container: str, command: Sequence[str]) -> tuple[int, str]:
    """(exit code, stdout); of an answer beyond 1 MB the beginning. Raises EngineError."""
    api, said = engine.client.api, bytearray()
    with engine_errors(f"asking {command[0]} in a container"):
        made = api.exec_create(container, list(command))["Id"]
        for stdout, _ in api.exec_start(made, stream=True, demux=True):
            said += (stdout or b"")[: _ANSWER - len(said)]
        code = api.exec_inspect(made)["ExitCode"]
    return int(code if code is not None else 1), said.decode("utf-8", "replace")


def stop(engine: Engine, container: str) -> None:
    """As its image ends, and killed after 30 s; nothing happens where it has ended or is gone. Raises EngineError."""
    import docker.errors

    with engine_errors("stopping a container"), contextlib.suppress(docker.errors.NotFound):
        engine.client.api.stop(container, timeout=_GRACE)


def start(engine: Engine, container: str) -> None:
    """Nothing happens where it runs. Raises EngineError."""
    with engine_errors("starting a container"):
        engine.client.api.start(container)


def remove_readers(engine: Engine, project: str, secrets: Collection[str]) -> Iterator[str]:
    """Stop and remove each container of the compose ``project`` that mounts one of ``secrets``; the services' names.

    Raises EngineError.
    """
    api = engine.client.api
    wanted = {f"/run/secrets/{name}" for name in secrets}
    with engine_errors(f"looking at the containers of {project}"):
        found = api.containers(all=True, filters={"label": f"com.docker.compose.project={project}"})
    for each in found:
        if wanted & {mount["Destination"] for mount in each["Mounts"]}:
            stop(engine, each["Id"])
            with engine_errors("removing a container"):
                api.remove_container(each["Id"], force=True)
            yield each["Labels"]["com.docker.compose.service"]
