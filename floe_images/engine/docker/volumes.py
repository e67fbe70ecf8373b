"""A project's named volumes: which there are, and their content out and in as tar streams, whatever is in them.

The engine's archive API serves containers that never ran, too: a carrier is a container of an empty image that mounts
one volume, so that neither a shell nor an image of the project is needed. Source: Docker Engine API, ``/containers/
{id}/archive``. Owners, modes, times (in seconds), symbolic and hard links are kept; sockets are left out; holes of
sparse files are filled; extended attributes of users are not kept.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from floe_images.engine.docker.connect import Engine, engine_errors, refused
from floe_images.engine.docker.run import OWNER, owner

#: The folder that every path of a volume's tar begins with.
ROOT = "volume"
_EMPTY = "localhost/floe-empty"  # an image without a file
_TAR = bytes(1024)  # the end of an archive, and nothing before it
_CHUNK = 1 << 20
_OK = 200
_COMPOSE = "com.docker.compose"


@dataclass(frozen=True, kw_only=True)
class Volume:
    """``project`` is the compose project that it was made for; None: it was made by a run, or by hand."""

    name: str
    project: str | None


def volumes(engine: Engine) -> tuple[Volume, ...]:
    """All of the engine's, by name. Raises EngineError."""
    with engine_errors("looking at the volumes"):
        found = engine.client.api.volumes()["Volumes"] or ()
    all_ = (Volume(name=each["Name"], project=(each["Labels"] or {}).get(f"{_COMPOSE}.project")) for each in found)
    return tuple(sorted(all_, key=lambda volume: volume.name))


def make_compose_volume(engine: Engine, name: str, *, project: str, key: str) -> None:
    """An empty volume as compose would make it, for what its files call ``key``. Raises EngineError."""
    with engine_errors(f"making the volume {name}"):
        engine.client.api.create_volume(name, labels={f"{_COMPOSE}.project": project, f"{_COMPOSE}.volume": key})


@contextlib.contextmanager
def carriers(engine: Engine) -> Iterator[Carriers]:
    """Raises EngineError. What a killed process left is removed by `engine.docker.tidy.remove_orphans`."""
    api = engine.client.api
    with engine_errors("making an empty image"):
        api.import_image_from_data(_TAR, repository=_EMPTY)
    try:
        yield Carriers(engine)
    finally:
        with contextlib.suppress(Exception):  # another backup uses it
            api.remove_image(_EMPTY)


class Carriers:
    """Made by `carriers`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextlib.contextmanager
    def content(self, volume: str) -> Iterator[Iterator[bytes]]:
        """The volume's content as one tar, in chunks. Raises EngineError, also while it is read."""
        api, doing = self._engine.client.api, f"reading the volume {volume}"
        with self._carrier(volume) as container, engine_errors(doing):
            # Not the SDK's `get_archive`: what is not read to its end has to be closed, or the engine waits for us, and
            # we wait for it to remove the container.
            address = f"{api.base_url}/v{api.api_version}/containers/{container}/archive"
            with api.get(address, params={"path": f"/{ROOT}"}, stream=True, timeout=api.timeout) as answer:
                if answer.status_code != _OK:
                    raise refused(doing, answer.text)
                yield answer.iter_content(_CHUNK)

    def fill(self, volume: str, content: Iterable[bytes]) -> None:
        """Unpack a tar into the volume; what ``content`` raises is raised. Raises EngineError."""
        with self._carrier(volume) as container, engine_errors(f"writing the volume {volume}"):
            self._engine.client.api.put_archive(container, "/", content)

    @contextlib.contextmanager
    def _carrier(self, volume: str) -> Iterator[str]:
        api = self._engine.client.api
        with engine_errors(f"reaching the volume {volume}"):
            host = api.create_host_config(binds=[f"{volume}:/{ROOT}"], network_mode="none")
            made = api.create_container(_EMPTY, command=["none"], host_config=host, labels={OWNER: owner()})["Id"]
        try:
            yield made
        finally:
            with contextlib.suppress(Exception):  # what went wrong first is what is said
                api.remove_container(made, force=True)
