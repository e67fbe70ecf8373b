"""DuckDB: a file of the state volume."""

from __future__ import annotations

from floe_images.artifacts.model import CompiledArtifacts
from floe_images.errors import ProjectError
from floe_images.runtime.catalogs.attach import duckdb as attach
from floe_images.runtime.catalogs.client import pyiceberg
from floe_images.runtime.catalogs.target import TargetCatalog
from floe_images.runtime.limits import duckdb_memory
from floe_images.runtime.profile.answers import Answers, given, literal


def duckdb(answers: Answers, artifacts: CompiledArtifacts, memory: int | None) -> dict[str, object]:
    """https://docs.getdbt.com/docs/core/connect-data-platform/duckdb-setup"""
    places = answers.places
    config: dict[str, object] = {
        # Whatever is not in the image must not be fetched: https://duckdb.org/docs/stable/extensions/overview
        "autoinstall_known_extensions": "false",
        "home_directory": str(places.scratch),
        "temp_directory": str(places.state / "spill"),
    }
    if artifacts.duckdb:
        config["extension_directory"] = str(places.home / artifacts.duckdb.directory)
    asked = answers.setting("memory_limit")
    limit = duckdb_memory(memory, asked if isinstance(asked, int) else None)
    if limit:
        config["memory_limit"] = limit
    catalog = _in_catalog(answers, artifacts, config)
    return given(
        path=places.moved(str(answers.public("path"))),
        schema=answers.public("schema"),
        config_options=config,
        **catalog,
    )


def _in_catalog(answers: Answers, artifacts: CompiledArtifacts, config: dict[str, object]) -> dict[str, object]:
    """What attaches the target's Iceberg catalog, where DuckDB can; nothing where it has none. Adds to ``config``.

    DuckDB loads the extensions by itself, out of ``extension_directory``: to name them would be to install them.
    """
    name = answers.setting("catalog")
    if name is None:
        return {}
    catalog = artifacts.catalog(str(name))
    if catalog is None:
        raise ProjectError(f"{answers.path('catalog')} is none of catalogs")
    lookup = answers.lookup()
    properties, attachment = pyiceberg(catalog, lookup), attach(catalog, lookup)
    answers.catalog = TargetCatalog(
        name=catalog.name,
        namespace=str(answers.setting("schema")),
        attached=attachment is not None,
        properties=properties,
    )
    place = f"catalogs.{catalog.name}"
    for value in properties.secrets:
        answers.hold_of(value, place)
    if attachment is None:
        return {}
    if answers.certificates and attachment.encrypted:
        config["ca_cert_file"] = answers.certificates  # its own HTTP client reads no variable
    return {
        "secrets": [
            {
                "name": secret.name,
                "type": secret.type,
                **{
                    key: answers.hold_of(value, place) if key in secret.options.hidden else literal(place, value)
                    for key, value in secret.options.items()
                },
            }
            for secret in attachment.secrets
        ],
        "attach": [
            {
                "path": literal(place, attachment.path),
                "alias": f'"{attachment.name}"',
                "options": {
                    "type": "iceberg",
                    **{key: literal(place, value) for key, value in attachment.options.items()},
                },
            }
        ],
    }
