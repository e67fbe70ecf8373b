"""A compose project as values. What hardens a container is no setting of these: `write` gives it to every one.

Source: https://github.com/compose-spec/compose-spec, ``spec.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MEBIBYTE = 1 << 20
#: Nothing leads out of the first network; the second one is for who is asked from outside, or asks outside.
INSIDE, OUTSIDE = "inside", "outside"

Condition = Literal["healthy", "ended"]


@dataclass(frozen=True, kw_only=True)
class Port:
    """A port of the container's, published on loopback of the machine."""

    host: int
    container: int


@dataclass(frozen=True, kw_only=True)
class Tmpfs:
    """``size`` in bytes."""

    path: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Need:
    """``service`` has to be ``healthy``, or to have ``ended`` well, before this one starts."""

    service: str
    condition: Condition


@dataclass(frozen=True, kw_only=True)
class MountedFile:
    """A file that the image lacks, to be read only; ``name`` is what it is called beside the compose file."""

    name: str
    path: str
    text: str


@dataclass(frozen=True, kw_only=True)
class ComposeService:
    """One container. ``volumes`` are (name of a volume, path), ``secrets`` names of files, ``memory`` in bytes.

    ``once``: it runs to its end before others start, and is not started again. ``healthcheck`` and ``entrypoint``
    empty: the image's own. ``user`` is UID:GID, None: floe's own; root is none.
    """

    name: str
    image: str
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = ()
    volumes: tuple[tuple[str, str], ...] = ()
    files: tuple[MountedFile, ...] = ()
    tmpfs: tuple[Tmpfs, ...] = ()
    ports: tuple[Port, ...] = ()
    needs: tuple[Need, ...] = ()
    healthcheck: tuple[str, ...] = ()
    networks: tuple[str, ...] = (INSIDE,)
    memory: int = 512 * MEBIBYTE
    pids: int = 256
    once: bool = False


@dataclass(frozen=True, kw_only=True)
class ComposeFile:
    """One file, usable by itself. ``secrets`` is the folder that the secrets' files lie in, relative to the file."""

    name: str  # dagster, postgres, lake, polaris
    project: str
    services: tuple[ComposeService, ...]
    secrets: str

    @property
    def files(self) -> tuple[MountedFile, ...]:
        """By name: what has to lie beside it."""
        found = {file.name: file for service in self.services for file in service.files}
        return tuple(found[name] for name in sorted(found))
