"""One target's settings, looked up as an adapter's file asks for them; secrets become variables on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from floe_images.artifacts.model import Reference, Setting, Settings, TargetArtifact
from floe_images.artifacts.secrets import look_up
from floe_images.errors import ProjectError
from floe_images.runtime.catalogs.lookup import Lookup
from floe_images.runtime.catalogs.target import TargetCatalog
from floe_images.runtime.places import Places

# dbt scrubs values under this prefix from its logs and refuses them outside of profiles.yml and packages.yml:
# https://docs.getdbt.com/reference/dbt-jinja-functions/env_var#secrets
SECRET_PREFIX = "DBT_ENV_SECRET_FLOE_"  # noqa: S105
PLACEHOLDER = "placeholder"

#: How one proves who one is: those settings of the profile.
Method = Callable[["Answers"], "dict[str, object]"]
#: What a value must be: nothing, or why it is not ("is not a PEM private key").
Check = Callable[[str], "str | None"]


class Answers:
    """``secrets``, ``environ`` and ``credentials`` fill up as settings are asked for; see `Profile`.

    With ``placeholders`` nothing is looked up and every reference is the word ``placeholder``.
    """

    def __init__(
        self, target: TargetArtifact, *, places: Places, environ: Mapping[str, str], placeholders: bool
    ) -> None:
        self.target = target
        self.places = places
        self.placeholders = placeholders
        self.secrets: list[tuple[str, str]] = []
        self.environ: dict[str, str] = {}
        self.credentials: list[str] = []
        self.catalog: TargetCatalog | None = None
        self._surroundings = environ

    def path(self, *keys: str) -> str:
        """The setting's path in floe.yaml."""
        return ".".join(("targets", self.target.name, *keys))

    @property
    def certificates(self) -> str | None:
        """The file of authorities that SSL_CERT_FILE names, for libraries that do not read the variable."""
        return None if self.placeholders else self._surroundings.get("SSL_CERT_FILE") or None

    def setting(self, *keys: str) -> Setting | None:
        """As floe.yaml has it, references unresolved; None where it is absent."""
        found: Setting | None = self.target.settings
        for key in keys:
            found = found.get(key) if isinstance(found, Settings) else None
        return found

    def method(self, known: Mapping[str, Method]) -> Method:
        """What ``known`` has for the setting ``auth.method``. Raise ProjectError."""
        name = str(self.setting("auth", "method"))
        if name not in known:
            raise ProjectError(f"{self.path('auth', 'method')} is none of {', '.join(known)}")
        return known[name]

    def raw(self, *keys: str) -> str | None:
        """The value itself, which must not get into a file or message; None where it is absent. Raise ProjectError."""
        value = self.setting(*keys)
        if isinstance(value, Reference):
            if self.placeholders:
                return PLACEHOLDER
            folder = self.places.secrets
            found = look_up(value, setting=self.path(*keys), environ=self._surroundings, folder=folder)
            if "\0" in found:
                raise ProjectError(f"{self.path(*keys)} has a NUL character")
            return found
        return None if value is None else str(value)

    def file(self, *keys: str) -> Path | None:
        """The mounted file that a reference's value is read from; None where the value comes from elsewhere."""
        value = self.setting(*keys)
        if not isinstance(value, Reference):
            return None
        file = self.places.secrets / value.name
        return file if file.is_file() else None

    def public(self, *keys: str) -> object:
        """A setting for the profile that is no secret by its nature, such as a host, also where a variable has it.

        As secrets, such short words would be blotted out of every log line. What floe.yaml calls a secret is one.
        """
        value = self.setting(*keys)
        if isinstance(value, Reference) and value.kind == "env":
            return literal(self.path(*keys), self.raw(*keys) or "")
        return self.private(*keys)

    def private(self, *keys: str, check: Check | None = None) -> object:
        """A setting for the profile; a reference becomes a variable. None where it is absent.

        Raise ProjectError for one that is missing, or that ``check`` finds wrong.
        """
        value = self.setting(*keys)
        if isinstance(value, Reference):
            found = self.raw(*keys) or ""
            wrong = None if self.placeholders or check is None else check(found)
            if wrong:
                raise ProjectError(f"{self.path(*keys)} {wrong}", hint=f"look at the value of {value.name}")
            return self.hold(found, *keys)
        return literal(self.path(*keys), value) if isinstance(value, str) else value

    def hold(self, value: str, *keys: str) -> str:
        """Keep a secret of the setting ``keys`` beside the profile; the template by which dbt finds it."""
        return self.hold_of(value, self.path(*keys))

    def hold_of(self, value: str, path: str) -> str:
        """As `hold`, of a setting that is none of the target's own."""
        if self.placeholders:
            return PLACEHOLDER
        name = f"{SECRET_PREFIX}{len(self.secrets)}"
        self.secrets.append((name, value))
        if path not in self.credentials:
            self.credentials.append(path)
        return "{{ env_var('" + name + "') }}"

    def lookup(self) -> Lookup:
        """The same for settings of catalogs."""
        return Lookup(self.places, self._surroundings, placeholders=self.placeholders)


def literal(path: str, text: str) -> str:
    """dbt renders every string of a profile as a template; ours are none. Raise ProjectError."""
    if any(mark in text for mark in ("{{", "{%", "{#")):
        raise ProjectError(f"{path} has a template mark ({{{{, {{% or {{#), which dbt would execute")
    return text


def given(**settings: object) -> dict[str, object]:
    """Those that are not None."""
    return {key: value for key, value in settings.items() if value is not None}
