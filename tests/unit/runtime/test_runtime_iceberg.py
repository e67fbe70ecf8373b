"""Which of a dbt project's nodes become Iceberg tables on Databricks, and which are findings."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from floe_images.runtime.dbt.iceberg import make_iceberg

UNIFORM = {"delta.enableIcebergCompatV2": "true", "delta.universalFormat.enabledFormats": "iceberg"}


def _node(kind: str = "table", *, resource: str = "model", database: str = "main", **config: Any) -> SimpleNamespace:
    return SimpleNamespace(
        resource_type=resource,
        name="one",
        original_file_path="models/one.sql",
        database=database,
        config={"materialized": kind, **config},
    )


@pytest.mark.parametrize(
    ("node", "added"),
    [
        (_node(), {"table_format": "iceberg"}),
        (_node("incremental"), {"table_format": "iceberg"}),
        (_node(table_format="ICEBERG", file_format="delta"), {"table_format": "iceberg"}),
        (_node("seed", resource="seed"), {"table_format": None, "tblproperties": UNIFORM}),
        (
            _node("snapshot", resource="snapshot", table_format="iceberg", tblproperties={"a": "b"}),
            {"table_format": None, "tblproperties": {**UNIFORM, "a": "b"}},
        ),
        (_node("view", file_format="delta"), {}),
        (_node("ephemeral", database="hive_metastore"), {}),
        (_node(file_format="parquet"), {}),
        (_node("test", resource="test"), {}),
    ],
)
def test_what_becomes_of_a_node(node: SimpleNamespace, added: dict[str, Any]) -> None:
    before = dict(node.config)
    assert make_iceberg([node]) == []
    assert node.config == {**before, **added}


@pytest.mark.parametrize(
    ("node", "finding"),
    [
        (_node(file_format="delta"), "asks for a Delta table by its file_format"),
        (_node(file_format="Delta", table_format="default"), "asks for a Delta table by its table_format"),
        (_node("snapshot", resource="snapshot", file_format="delta"), "asks for a Delta table by its file_format"),
        (_node(database="hive_metastore"), "would lie in hive_metastore, which has no Iceberg tables"),
    ],
)
def test_what_cannot_be_iceberg_is_a_finding(node: SimpleNamespace, finding: str) -> None:
    (line,) = make_iceberg([node, _node()])
    assert line.startswith(f"{node.resource_type} one (models/one.sql) ")
    assert finding in line
