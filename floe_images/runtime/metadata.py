"""Where Dagster keeps its state: the variables that dagster.yaml refers to, and whether its Postgres answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from floe_images.artifacts.model import CompiledArtifacts, Reference, Setting
from floe_images.artifacts.secrets import look_up
from floe_images.errors import InfrastructureError, ProjectError
from floe_images.runtime import log
from floe_images.runtime.places import Places

# dbt, which is started from Dagster's processes, scrubs values under this prefix from its logs and keeps them from
# macros: https://docs.getdbt.com/reference/dbt-jinja-functions/env_var#secrets
PASSWORD = "DBT_ENV_SECRET_FLOE_DAGSTER_PASSWORD"  # noqa: S105
STATE = "FLOE_DAGSTER_STATE"  # a folder of the state volume; SQLite and Dagster's files lie in it
_POSTGRES = {
    "host": "FLOE_DAGSTER_HOST",
    "port": "FLOE_DAGSTER_PORT",
    "user": "FLOE_DAGSTER_USER",
    "password": PASSWORD,
    "database": "FLOE_DAGSTER_DATABASE",
}
_PATIENCE = 15.0  # seconds: a Postgres that is started together with this container takes some


def dagster_environment(artifacts: CompiledArtifacts, places: Places, environ: Mapping[str, str]) -> dict[str, str]:
    """What Dagster's processes need in their environment; the only place where its Postgres' password is.

    Raise ProjectError for a missing secret or variable.
    """
    found = {
        "DAGSTER_HOME": str(places.home / "dagster"),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "GIT_PYTHON_REFRESH": "quiet",  # dagster-dbt imports GitPython, and there is no git
        STATE: str(places.state / "dagster"),
    }
    metadata = artifacts.orchestration.metadata
    if metadata.get("type") != "postgres":
        return found
    for key, name in _POSTGRES.items():
        value = metadata.get(key)
        found[name] = "" if value is None else _text(value, key, places, environ)
    log.hide(found[PASSWORD])
    return found


def _text(value: Setting, key: str, places: Places, environ: Mapping[str, str]) -> str:
    if isinstance(value, Reference):
        return look_up(value, setting=f"orchestration.metadata.{key}", environ=environ, folder=places.secrets)
    return str(value)


def connect_postgres(environ: Mapping[str, str], *, patience: float = _PATIENCE) -> Any | None:
    """An open connection to the Postgres of `dagster_environment`; None where there is none.

    Raise InfrastructureError when it does not answer within ``patience`` seconds, at once when it refuses us.
    """
    if _POSTGRES["host"] not in environ:
        return None
    try:
        import psycopg2
    except ImportError:
        raise ProjectError("Dagster's Postgres needs psycopg2, which is not installed") from None
    host, port = environ[_POSTGRES["host"]], environ[_POSTGRES["port"]]
    deadline = time.monotonic() + patience
    told = False
    while True:
        try:
            return psycopg2.connect(
                host=host,
                port=port,
                user=environ[_POSTGRES["user"]],
                password=environ[PASSWORD],
                dbname=environ[_POSTGRES["database"]],
                connect_timeout=3,
            )
        except psycopg2.OperationalError as fault:
            why = log.one_line(str(fault)).split(" | ")[0].split("FATAL: ")[-1].strip()
        if "authentication failed" in why or "no password supplied" in why or "does not exist" in why:
            raise InfrastructureError(
                f"Dagster's Postgres at {host}:{port} refuses us: {why}",
                hint="check orchestration.metadata in floe.yaml, and its secrets",
            )
        if time.monotonic() >= deadline:
            raise InfrastructureError(
                f"Dagster's Postgres at {host}:{port} cannot be reached: {why}",
                hint="orchestration.metadata in floe.yaml names it",
            )
        if not told:
            logging.getLogger("floe").warning("waiting for Dagster's Postgres at %s:%s: %s", host, port, why)
            told = True
        time.sleep(0.5)
