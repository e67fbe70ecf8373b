"""Reaching a container engine: Docker's API over the socket that the environment, or Docker's own context, names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from floe_images.errors import DiskFullError, EngineError, FloeError

if TYPE_CHECKING:
    import docker

Store = Literal["classic", "containerd"]
_NO_ENGINE = "start Docker, or set DOCKER_HOST to an engine's socket; `floe doctor` shows what was tried"
_ANSWER_SECONDS = 600  # an engine that unpacks a large image says nothing for minutes


@dataclass(frozen=True)
class Engine:
    """An engine that answered. ``store`` is where it keeps images; ``architecture`` is in OCI's words (``amd64``)."""

    client: docker.DockerClient
    version: str
    architecture: str
    store: Store

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()


def connect(host: str | None = None) -> Engine:
    """The engine at ``host`` (``unix://…``, ``tcp://…``), else DOCKER_HOST's, else the one of Docker's current context.

    Raise EngineError where none answers.
    """
    import docker

    with engine_errors("no container engine answers"):
        client = (
            docker.DockerClient(base_url=host, timeout=_ANSWER_SECONDS, version="auto")
            if host
            else docker.DockerClient.from_env(timeout=_ANSWER_SECONDS, version="auto")
        )
        about, info = client.version(), client.info()
    kinds = [value for key, value in info.get("DriverStatus") or () if key == "driver-type"]
    return Engine(
        client=client,
        version=str(about["Version"]),
        architecture=str(about["Arch"]),
        store="containerd" if "io.containerd.snapshotter.v1" in kinds else "classic",
    )


@contextlib.contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Docker's and HTTP's exceptions inside the block become an EngineError of one line, or a DiskFullError."""
    import docker.errors
    import requests

    try:
        yield
    except docker.errors.ImageNotFound as error:
        raise EngineError(
            f"{doing}: the engine has no such image", hint="load it first: `floe build --load`"
        ) from error
    except docker.errors.APIError as error:
        raise refused(doing, error.explanation or str(error)) from error
    except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
        raise EngineError(doing, hint=_NO_ENGINE) from error


def refused(doing: str, said: object) -> FloeError:
    """What an engine gives as its reason, as the tree's error: a full disk is one of its own."""
    text = _one_line(said)
    if "no space left on device" in text.lower():
        return DiskFullError(f"{doing}: the engine's disk is full", hint="`docker system df` shows what takes it")
    return EngineError(f"{doing}: {text}")


def _one_line(text: object) -> str:
    return " ".join(str(text).split())[:500]
