"""Artifacts → the profile of one target."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from floe_images.artifacts.model import CompiledArtifacts, TargetArtifact
from floe_images.errors import ProjectError
from floe_images.runtime.places import Places
from floe_images.runtime.profile.answers import Answers
from floe_images.runtime.profile.bigquery import bigquery
from floe_images.runtime.profile.databricks import databricks
from floe_images.runtime.profile.duckdb import duckdb
from floe_images.runtime.profile.model import Profile
from floe_images.runtime.profile.postgres import postgres
from floe_images.runtime.profile.redshift import redshift
from floe_images.runtime.profile.snowflake import snowflake

PROFILE = "floe"

_SERVICES: dict[str, Callable[[Answers], dict[str, object]]] = {
    "postgres": postgres,
    "snowflake": snowflake,
    "bigquery": bigquery,
    "redshift": redshift,
    "databricks": databricks,
}


def make_profile(
    artifacts: CompiledArtifacts,
    target: TargetArtifact,
    *,
    places: Places,
    environ: Mapping[str, str],
    memory: int | None,
    placeholders: bool = False,
) -> Profile:
    """The profile with one output: ``target``. ``memory`` is the container's limit in bytes.

    With ``placeholders`` nothing is looked up: every reference becomes a harmless value of the right type, good enough
    for dbt to read its project.

    Raise ProjectError, which names the setting and no value, for a secret that is missing or is not what it must be.
    """
    answers = Answers(target, places=places, environ=environ, placeholders=placeholders)
    if target.adapter == "duckdb":
        output = duckdb(answers, artifacts, memory)
    elif target.adapter in _SERVICES:
        output = _SERVICES[target.adapter](answers)
    else:
        raise ProjectError(
            f"floe cannot make a dbt profile for the adapter {target.adapter}", where=f"targets.{target.name}"
        )
    threads = answers.setting("threads")
    output = {"type": target.adapter, **output, **({} if threads is None else {"threads": threads})}
    return Profile(
        document={PROFILE: {"target": target.name, "outputs": {target.name: output}}},
        secrets=tuple(answers.secrets),
        environ=tuple(answers.environ.items()),
        credentials=tuple(answers.credentials),
        catalog=answers.catalog,
    )
