"""Spec → what is asked of the Python index: sorted requirement lines (PEP 508)."""

from __future__ import annotations

from collections.abc import Iterator

from floe_images.spec.model import Spec

# The same as pyproject's extra `runtime`; a test holds the two together.
RUNTIME = (
    "dagster-dbt>=0.29",
    "dagster-webserver>=1.13",
    "dagster>=1.13",
    "dbt-core>=1.11,<1.12",
    "openlineage-python>=1.50",
    "opentelemetry-exporter-otlp>=1.40",
    "pyiceberg>=0.11",
)

# DuckDB loads an extension of exactly its own version, and fetches what it has not; wheels of the extensions end at
# this version, so a newer DuckDB would reach out at run time.
DUCKDB = "1.5.5"
DUCKDB_EXTENSIONS = ("avro", "httpfs", "iceberg")

# Asked for without an upper bound: its own bounds on pydantic choose the version that fits beside the adapters.
POLARIS = "apache-polaris>=1.4"

# pyarrow reads and writes S3 and local folders by itself; Google's and Microsoft's ways to log in need their libraries.
_EXTRAS = {"glue": "glue", "hive": "hive", "local": "sql-sqlite"}
_STORAGE_EXTRAS = {"gcs": "gcsfs", "azure": "adlfs"}


def python_requirements(spec: Spec) -> tuple[str, ...]:
    """Everything that the image's Python environment must hold; no cloud SDK that nothing in the spec asks for."""
    return tuple(
        sorted(
            {
                *RUNTIME,
                *_adapters(spec),
                *_iceberg(spec),
                *_polaris(spec),
                *_metadata(spec),
                *spec.image.python_packages,
            }
        )
    )


def _adapters(spec: Spec) -> Iterator[str]:
    for adapter in spec.adapters:
        yield f"dbt-{adapter}"
    if "duckdb" in spec.adapters:
        yield f"duckdb=={DUCKDB}"
        for extension in DUCKDB_EXTENSIONS:
            yield f"duckdb-extension-{extension}=={DUCKDB}"


def _iceberg(spec: Spec) -> Iterator[str]:
    if not spec.catalogs:
        return
    asked = {_EXTRAS.get(catalog.type) for catalog in spec.catalogs.values()}
    asked |= {_STORAGE_EXTRAS.get(catalog.storage.type) for catalog in spec.catalogs.values() if catalog.storage}
    # pyiceberg-core: rows of a table that is partitioned by month or bucket are told apart by it alone.
    extras = {"pyarrow", "pyiceberg-core"} | {extra for extra in asked if extra}
    yield f"pyiceberg[{','.join(sorted(extras))}]>=0.11"


def _polaris(spec: Spec) -> Iterator[str]:
    if any(catalog.type == "polaris" and catalog.manage for catalog in spec.catalogs.values()):
        yield POLARIS


def _metadata(spec: Spec) -> Iterator[str]:
    if spec.orchestration.metadata.type == "postgres":
        yield "dagster-postgres>=0.29"
        # dagster-postgres brings psycopg2 and names no driver; SQLAlchemy 2.1 takes psycopg 3, which is not there:
        # https://docs.sqlalchemy.org/en/21/changelog/migration_21.html
        yield "sqlalchemy<2.1"
