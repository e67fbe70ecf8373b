"""dbt's profile, made from artifacts at start. It names secrets and holds none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from floe_images.artifacts.model import CompiledArtifacts, Reference, Setting, Settings, TargetArtifact
from floe_images.errors import NotAvailableYetError, ProjectError
from floe_images.runtime.limits import duckdb_memory
from floe_images.runtime.places import Places
from floe_images.runtime.secrets import look_up

PROFILE = "floe"
# dbt scrubs values under this prefix from its logs and refuses them outside of profiles.yml and packages.yml:
# https://docs.getdbt.com/reference/dbt-jinja-functions/env_var#secrets
SECRET_PREFIX = "DBT_ENV_SECRET_FLOE_"  # noqa: S105

# Not secrets by their nature, and short words: as secrets dbt would blot them out of every log line.
_PLAIN = {"host", "port", "database", "schema"}


@dataclass(frozen=True, kw_only=True)
class Profile:
    """``document`` is profiles.yml. ``secrets`` are (variable, value) pairs for the process's own environment."""

    document: dict[str, object]
    secrets: tuple[tuple[str, str], ...] = field(repr=False)


def make_profile(
    artifacts: CompiledArtifacts,
    target: TargetArtifact,
    *,
    places: Places,
    environ: Mapping[str, str],
    memory: int | None,
) -> Profile:
    """The profile with one output: ``target``. ``memory`` is the container's limit in bytes.

    Raise ProjectError for a missing secret, NotAvailableYetError for an adapter that this runtime has no profile for.
    """
    secrets: list[tuple[str, str]] = []

    def plain(path: str, key: str, value: Setting) -> object:
        if isinstance(value, Settings):
            return {name: plain(f"{path}.{name}", name, item) for name, item in value.items}
        if isinstance(value, tuple):
            return [plain(f"{path}[{index}]", key, item) for index, item in enumerate(value)]
        if isinstance(value, Reference):
            found = look_up(value, setting=path, environ=environ, folder=places.secrets)
            if value.kind == "env" and key in _PLAIN:
                return _number(path, found) if key == "port" else _literal(path, found)
            secrets.append((f"{SECRET_PREFIX}{len(secrets)}", found))
            return "{{ env_var('" + secrets[-1][0] + "') }}"
        return _literal(path, value) if isinstance(value, str) else value

    settings = {key: plain(f"targets.{target.name}.{key}", key, value) for key, value in target.settings.items}
    if target.adapter == "duckdb":
        output = _duckdb(settings, artifacts, places, memory)
    elif target.adapter == "postgres":
        output = {"type": "postgres", **settings}
    else:
        raise NotAvailableYetError(
            f"running on {target.adapter} is not available yet",
            where=f"targets.{target.name}",
            hint="targets on duckdb and postgres run",
        )
    return Profile(
        document={PROFILE: {"target": target.name, "outputs": {target.name: output}}}, secrets=tuple(secrets)
    )


def _duckdb(
    settings: dict[str, object], artifacts: CompiledArtifacts, places: Places, memory: int | None
) -> dict[str, object]:
    config: dict[str, object] = {
        # Whatever is not in the image must not be fetched: https://duckdb.org/docs/stable/extensions/overview
        "autoinstall_known_extensions": "false",
        "home_directory": str(places.scratch),
        "temp_directory": str(places.state / "spill"),
    }
    if artifacts.duckdb:
        config["extension_directory"] = str(places.home / artifacts.duckdb.directory)
    asked = settings.pop("memory_limit", None)
    limit = duckdb_memory(memory, asked if isinstance(asked, int) else None)
    if limit:
        config["memory_limit"] = limit
    path = _moved(str(settings.pop("path")), places)
    return {"type": "duckdb", **settings, "path": path, "config_options": config}


def _moved(path: str, places: Places) -> str:
    """Outside of an image the state volume lies elsewhere."""
    try:
        return str(places.state / PurePosixPath(path).relative_to("/var/lib/floe"))
    except ValueError:
        return path


def _literal(path: str, text: str) -> str:
    """dbt renders every string of a profile as a template; ours are none."""
    if any(mark in text for mark in ("{{", "{%", "{#")):
        raise ProjectError(f"{path} has a template mark ({{{{, {{% or {{#), which dbt would execute")
    return text


def _number(path: str, text: str) -> int:
    if not text.isdigit():
        raise ProjectError(f"{path} needs a whole number")
    return int(text)
