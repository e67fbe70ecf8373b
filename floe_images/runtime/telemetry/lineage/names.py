"""Names of datasets (https://openlineage.io/docs/spec/naming/); for what it has no rule, those of OpenLineage's own dbt
integration, so that both name a table alike."""

from __future__ import annotations

import re
from collections.abc import Mapping

from floe_images.artifacts.model import Reference, Setting, TargetArtifact
from floe_images.artifacts.secrets import look_up
from floe_images.errors import FloeError
from floe_images.runtime.places import Places
from floe_images.runtime.profile.answers import PLACEHOLDER

_PART = re.compile(r'"((?:[^"]|"")*)"|`((?:[^`]|``)*)`|\[([^\]]*)\]|([^.\s"`\[\]]+)')
_CLUSTER = re.compile(r"([^.]+)\.[^.]+\.([^.]+)\.redshift\.amazonaws\.com(?:\.cn)?")


def parts(relation: str) -> tuple[str, ...]:
    """``"db"."schema"."table"``, in any adapter's quotes, without them."""
    found = []
    for match in _PART.finditer(relation):
        double, tick, square, bare = match.groups()
        if double is not None:
            found.append(double.replace('""', '"'))
        elif tick is not None:
            found.extend(tick.replace("``", "`").split("."))  # BigQuery may quote the whole name at once
        else:
            found.append(square if square is not None else bare)
    return tuple(found)


def name(relation: str) -> str:
    """The dataset's name in its namespace: ``database.schema.table``."""
    return ".".join(parts(relation))


def namespace(target: TargetArtifact, *, places: Places, environ: Mapping[str, str]) -> str:
    """The data source. A reference to a secret shows as its name, never as its value."""

    def setting(key: str, default: str = "") -> str:
        value = target.settings.get(key)
        return default if value is None else _known(value, target, key, places=places, environ=environ)

    if target.adapter == "duckdb":
        return f"duckdb://{places.moved(setting('path'))}"
    if target.adapter == "postgres":
        return f"postgres://{setting('host')}:{setting('port', '5432')}"
    if target.adapter == "redshift":
        host = setting("host")
        cluster = _CLUSTER.fullmatch(host)
        return f"redshift://{'.'.join(cluster.groups()) if cluster else host}:{setting('port', '5439')}"
    if target.adapter == "snowflake":
        return f"snowflake://{_account(setting('account'))}"
    if target.adapter == "bigquery":
        return "bigquery"
    return f"{target.adapter}://{setting('host')}"


def unknown_at_build(
    target: TargetArtifact, *, places: Places, environ: Mapping[str, str]
) -> tuple[str | None, str | None]:
    """Database and schema, where floe.yaml refers to variables for them: the manifest has `PLACEHOLDER` there."""

    def found(*keys: str) -> str | None:
        for key in keys:
            value = target.settings.get(key)
            if isinstance(value, Reference):
                return _known(value, target, key, places=places, environ=environ)
        return None

    return found("database", "project", "catalog"), found("dataset", "schema")


def made_known(relation: str, known: tuple[str | None, str | None]) -> str:
    """A relation of the manifest with what `unknown_at_build` found; it reads ``"database"."schema"."table"``."""
    replaced = list(parts(relation))
    if PLACEHOLDER not in replaced[:2]:
        return relation
    for index, value in enumerate(known):
        if index < len(replaced) - 1 and replaced[index] == PLACEHOLDER and value is not None:
            replaced[index] = value
    return ".".join('"' + part.replace('"', '""') + '"' for part in replaced)


def _known(value: Setting, target: TargetArtifact, key: str, *, places: Places, environ: Mapping[str, str]) -> str:
    if not isinstance(value, Reference):
        return str(value)
    if value.kind == "secret":
        return value.name
    try:
        return look_up(value, setting=f"targets.{target.name}.{key}", environ=environ, folder=places.secrets)
    except FloeError:
        return value.name


def _account(account: str) -> str:
    """``organization-account``, or an account locator with its region and cloud, which have defaults."""
    first, *rest = account.split(".")
    if "-" in first:
        return first
    region, cloud = (*rest, *("us-west-1", "aws")[len(rest) :])[:2]
    return f"{first}.{region}.{cloud}"
