"""The compiled artifacts as values: what the runtime has to know, and no secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

ARTIFACTS_VERSION = 1


@dataclass(frozen=True, kw_only=True, order=True)
class Reference:
    """A value that is only known where the image runs: a mounted secret, or a variable of the environment.

    ``kind`` is ``secret`` or ``env``; ``name`` is the secret's or the variable's name.
    """

    kind: Literal["secret", "env"]
    name: str


@dataclass(frozen=True)
class Settings:
    """A mapping as a frozen value, sorted by key."""

    items: tuple[tuple[str, Setting], ...] = ()

    def get(self, key: str) -> Setting | None:
        return dict(self.items).get(key)


Setting: TypeAlias = "str | int | float | bool | Reference | Settings | tuple[Setting, ...]"


@dataclass(frozen=True, kw_only=True)
class TargetArtifact:
    """One target of floe.yaml. ``settings`` are its keys but ``adapter``, in floe.yaml's words."""

    name: str
    adapter: str
    settings: Settings


@dataclass(frozen=True, kw_only=True)
class TransformArtifact:
    """One dbt project. ``path`` is relative to the image's root of floe (``project/transform``)."""

    type: Literal["dbt"]
    path: str


@dataclass(frozen=True, kw_only=True)
class DataArtifact:
    """One data file. ``path`` is relative to the image's root of floe (``data/flights.csv``)."""

    name: str
    path: str


@dataclass(frozen=True, kw_only=True)
class DuckDBArtifact:
    """``extensions`` are loadable by name from ``directory`` (relative to the root) at DuckDB ``version``."""

    version: str
    directory: str
    extensions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CompiledArtifacts:
    """``versions`` holds the locked version of each package that the runtime itself works with, by normalized name."""

    name: str
    adapters: tuple[str, ...]
    targets: tuple[TargetArtifact, ...]
    default_target: str
    transforms: tuple[TransformArtifact, ...]
    data: tuple[DataArtifact, ...]
    duckdb: DuckDBArtifact | None
    versions: tuple[tuple[str, str], ...]

    def target(self, name: str) -> TargetArtifact | None:
        return next((target for target in self.targets if target.name == name), None)
