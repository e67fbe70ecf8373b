"""``exports``: results of dbt models, written as Iceberg tables into catalogs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from floe_images.spec.values import Name, Strict, matching

_PART = "[A-Za-z0-9_]+"
_COLUMN = "[A-Za-z_][A-Za-z0-9_]*"
_PARTITION = rf"{_COLUMN}|(?:year|month|day|hour)\({_COLUMN}\)|(?:bucket|truncate)\([1-9][0-9]{{0,8}}, ?{_COLUMN}\)"

NodeName = Annotated[str, matching(r"[A-Za-z0-9_.-]+", "the name of a dbt model, seed or snapshot")]
Namespace = Annotated[str, matching(rf"{_PART}(?:\.{_PART})*", "a namespace of letters, digits and _, such as reports")]
Table = Annotated[str, matching(_PART, "a name of letters, digits and _")]
Partition = Annotated[
    str, matching(_PARTITION, "a column, year(c), month(c), day(c), hour(c), bucket(16, c) or truncate(10, c)")
]


class Export(Strict):
    """What a dbt model has made, as an Iceberg table."""

    model: NodeName = Field(description="dbt's name of the model, seed or snapshot.")
    catalog: Name = Field(description="One of catalogs.")
    namespace: Namespace = Field(description="Namespace of the table.")
    table: Table | None = Field(default=None, description="Name of the table; the model's unless given.")
    partition_by: tuple[Partition, ...] = Field(default=(), description="How the table is partitioned.")
