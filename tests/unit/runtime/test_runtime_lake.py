"""What dbt's manifest becomes for a target in a catalog; types and partitions of Iceberg tables."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from floe_images.errors import ProjectError
from floe_images.runtime.catalogs.files import place
from floe_images.runtime.catalogs.types import iceberg_type, partition_fields
from floe_images.runtime.dbt.lake import extend, moved, own_macros, said_first


def _node(resource: str, materialized: str, database: str | None = None) -> SimpleNamespace:
    return SimpleNamespace(
        resource_type=resource, database="file", config={"materialized": materialized, "database": database}
    )


@pytest.mark.parametrize(
    ("node", "database"),
    [
        (_node("model", "table"), "lake"),
        (_node("model", "incremental"), "lake"),
        (_node("seed", "seed"), "lake"),
        (_node("snapshot", "snapshot"), "lake"),
        (_node("model", "view"), "file"),
        (_node("model", "ephemeral"), "file"),
        (_node("model", "external"), "file"),
        (_node("test", "test"), "file"),
        (_node("model", "table", "elsewhere"), "file"),
    ],
)
def test_where_a_node_goes(node: SimpleNamespace, database: str) -> None:
    changed = moved([node], "lake")
    assert (node.database, changed) == (database, [node] if database == "lake" else [])


def test_own_macros_are_whole() -> None:
    found = own_macros()
    assert sorted(found) == [
        "floe_catalog_seed", "floe_catalog_table", "floe_create_table_as", "floe_drop_relation", "floe_in_catalog",
        "floe_select",
    ]  # fmt: skip
    for name, text in found.items():
        assert text.startswith(f"{{% macro {name}("), name
        assert text.count("endmacro") == 1, name


@dataclass
class _Macro:
    name: str
    unique_id: str
    macro_sql: str


def test_dbts_macros_ask_floes_first_and_once() -> None:
    names = (
        "dbt_duckdb.materialization_table_duckdb", "dbt_duckdb.materialization_incremental_duckdb",
        "dbt.materialization_seed_default", "dbt.is_incremental", "dbt_duckdb.duckdb__create_table_as",
        "dbt_duckdb.duckdb__drop_relation", "dbt_duckdb.duckdb__alter_relation_comment",
        "dbt_duckdb.duckdb__alter_column_comment",
    )  # fmt: skip
    macros: dict[str, Any] = {
        f"macro.{name}": _Macro(name, f"macro.{name}", "{% macro x(a, b=none) -%}\n  body\n{% endmacro %}")
        for name in names
    }
    extend(macros)
    once = {unique_id: macro.macro_sql for unique_id, macro in macros.items()}
    assert once["macro.dbt_duckdb.duckdb__drop_relation"] == (
        "{% macro x(a, b=none) -%}{%- if floe_in_catalog(relation) -%}{{ return(floe_drop_relation(relation)) }}"
        "{%- endif -%}\n  body\n{% endmacro %}"
    )
    assert len(macros) == len(names) + len(own_macros())
    extend(macros)
    assert {unique_id: macro.macro_sql for unique_id, macro in macros.items()} == once


def test_words_stand_behind_a_materializations_tag() -> None:
    tag = "{% materialization table, adapter=\"duckdb\", supported_languages=['sql', 'python'] %}"
    assert said_first(f"\n{tag}\n body", "W") == f"\n{tag}W\n body"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("INTEGER", "INTEGER"),
        ("HUGEINT", "DECIMAL(38,0)"),
        ("UBIGINT[]", "DECIMAL(20,0)[]"),
        ("TIMESTAMP_NS", "TIMESTAMP"),
        ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE"),
        ("TIME WITH TIME ZONE", "VARCHAR"),
        ("ENUM('a', 'it''s')", "VARCHAR"),
        ('STRUCT("TINYINT" TINYINT, b JSON)', 'STRUCT("TINYINT" INTEGER, b VARCHAR)'),
        ("MAP(VARCHAR, UTINYINT)", "MAP(VARCHAR, INTEGER)"),
        ('"NULL"', "VARCHAR"),
        ("DECIMAL(18,3)", "DECIMAL(18,3)"),
    ],
)
def test_types(given: str, wanted: str) -> None:
    assert iceberg_type(given) == wanted


@pytest.mark.parametrize(
    ("asked", "sql"),
    [
        (None, []),
        ("day", ['"day"']),
        ("month(day), bucket(16, id)", ['month("day")', 'bucket(16, "id")']),
        (["DAYS(at)", "truncate(name, 3)"], ['day("at")', 'truncate(3, "name")']),
        ({"field": "at", "data_type": "timestamp", "granularity": "hour"}, ['hour("at")']),
        ({"field": "kind"}, ['"kind"']),
        ('"odd ""name"""', ['"odd ""name"""']),
    ],
)
def test_partitions(asked: Any, sql: list[str]) -> None:
    assert [field.sql() for field in partition_fields(asked, of="m")] == sql


@pytest.mark.parametrize("asked", ["week(day)", "bucket(id)", "bucket(0, id)", "month(a, b)", "lower(x) || y", 3, [""]])
def test_what_is_no_partition(asked: Any) -> None:
    with pytest.raises(ProjectError, match="partition_by of m has"):
        partition_fields(asked, of="m")


def test_two_spellings_of_one_place() -> None:
    assert place("s3://b/a//c.parquet") == place("s3a://b/a/c.parquet") == "/b/a/c.parquet"
    assert place("file:///w/x.avro") == place("/w/x.avro")
