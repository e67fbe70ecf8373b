"""A catalog's settings, looked up as they are asked for. No value of a secret is in any repr."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from floe_images.artifacts.model import CatalogArtifact, Reference, Setting, Settings
from floe_images.artifacts.secrets import look_up
from floe_images.errors import ProjectError
from floe_images.runtime.places import Places

PLACEHOLDER = "placeholder"
_HIDDEN = "***"


class Properties(dict[str, str]):
    """Text by name, for a client; ``hidden`` are the names whose values are secrets, which the repr leaves out."""

    def __init__(self, public: Mapping[str, str | None], hidden: Mapping[str, str | None] | None = None) -> None:
        """None stands for what is not set, and is left out."""
        secret = {name: value for name, value in (hidden or {}).items() if value is not None}
        super().__init__({**{name: value for name, value in public.items() if value is not None}, **secret})
        self.hidden = frozenset(secret)

    def joined(self, other: Properties) -> Properties:
        """Both; what ``other`` has wins."""
        both = {**self, **other}
        hidden = self.hidden | other.hidden
        return Properties(
            {name: value for name, value in both.items() if name not in hidden},
            {name: value for name, value in both.items() if name in hidden},
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must not be told."""
        return tuple(self[name] for name in sorted(self.hidden))

    def __repr__(self) -> str:
        return repr({name: _HIDDEN if name in self.hidden else value for name, value in self.items()})

    __str__ = __repr__


class Lookup:
    """Where references are resolved: mounted secrets and the environment.

    With ``placeholders`` nothing is looked up, and every reference is the word ``placeholder``.
    """

    def __init__(self, places: Places, environ: Mapping[str, str], *, placeholders: bool = False) -> None:
        self.places = places
        self._environ = environ
        self._placeholders = placeholders

    def text(self, catalog: CatalogArtifact, *keys: str) -> str | None:
        """A setting's value; None where it is absent. Raise ProjectError for a reference to nothing."""
        value = setting(catalog, *keys)
        if isinstance(value, Reference):
            if self._placeholders:
                return PLACEHOLDER
            path = _path(catalog, *keys)
            return look_up(value, setting=path, environ=self._environ, folder=self.places.secrets)
        if value is None:
            return None
        return str(value).lower() if isinstance(value, bool) else str(value)

    def file(self, catalog: CatalogArtifact, *keys: str) -> str | None:
        """The file that a secret is mounted as, for libraries that read nothing else. Raise ProjectError."""
        value = setting(catalog, *keys)
        if value is None:
            return None
        if self._placeholders:
            return PLACEHOLDER
        path = self.places.secrets / value.name if isinstance(value, Reference) else Path(str(value))
        if not path.is_file():
            raise ProjectError(
                f"{_path(catalog, *keys)} must be mounted as a file", hint=f"put it into the file {path}"
            )
        return str(path)

    def pair(self, catalog: CatalogArtifact, *keys: str) -> tuple[str, str] | None:
        """A client id and secret out of one text, ID:SECRET. Raise ProjectError."""
        found = self.text(catalog, *keys)
        if found is None:
            return None
        if self._placeholders:
            return PLACEHOLDER, PLACEHOLDER
        name, colon, secret = found.partition(":")
        if not (name and colon and secret):
            raise ProjectError(f"{_path(catalog, *keys)} is not a client id and a secret, ID:SECRET")
        return name, secret


def setting(catalog: CatalogArtifact, *keys: str) -> Setting | None:
    """As floe.yaml has it, references unresolved; None where it is absent."""
    found: Setting | None = catalog.settings
    for key in keys:
        found = found.get(key) if isinstance(found, Settings) else None
    return found


def storage_type(catalog: CatalogArtifact) -> str | None:
    """``s3``, ``gcs``, ``azure``, ``local``, or None where floe.yaml names no storage."""
    found = setting(catalog, "storage", "type")
    return None if found is None else str(found)


def _path(catalog: CatalogArtifact, *keys: str) -> str:
    return ".".join(("catalogs", catalog.name, *keys))
