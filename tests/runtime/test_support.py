"""The environments that the tests of this folder stand on are what they say."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.postgres import Postgres
from tests.support.runtime import run_inside

_SAY = """
import importlib.util, importlib.metadata, json, floe_images
six = ["duckdb", "postgres", "snowflake", "bigquery", "redshift", "databricks"]
print(json.dumps({
    "dbt": importlib.metadata.version("dbt-core").split(".")[:2],
    "adapters": [name for name in six if importlib.util.find_spec(f"dbt.adapters.{name}")],
    "dagster": importlib.util.find_spec("dagster") is not None,
    "toolkit": importlib.util.find_spec("docker") is not None,
    "floe": floe_images.__file__,
}))
"""


def test_the_runtime_has_what_the_image_has(runtime_python: Path) -> None:
    said = json.loads(run_inside(runtime_python, ["-c", _SAY], env={}).stdout)
    assert said == {
        "dbt": ["1", "11"],
        "adapters": ["duckdb", "postgres", "snowflake", "bigquery", "redshift", "databricks"],
        "dagster": True,
        "toolkit": False,
        "floe": str(Path(__file__).parents[2] / "floe_images" / "__init__.py"),
    }


def test_a_postgres_takes_its_user(postgres: Postgres) -> None:
    with postgres.new_database("test_support") as name:
        postgres.psql("create table fruit as select 7 as apples", database=name)
        assert postgres.psql("select apples, current_user from fruit", database=name) == [("7", "floe")]
    assert postgres.psql("select 1 from pg_database where datname = 'test_support'") == []
