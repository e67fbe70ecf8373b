"""What telemetry derives: names of datasets, pairs of events, and what a test belongs to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from floe_images.artifacts.events import Column, NodeFinished, NodeStarted, RunFinished
from floe_images.artifacts.model import CatalogArtifact, ExportArtifact, Reference, TargetArtifact
from floe_images.runtime.places import Places
from floe_images.runtime.telemetry.graph import Graphs, parse
from floe_images.runtime.telemetry.lineage.catalogs import catalog_names
from floe_images.runtime.telemetry.lineage.encoder import LineageEncoder
from floe_images.runtime.telemetry.lineage.names import made_known, name, namespace, parts, unknown_at_build
from floe_images.runtime.telemetry.tidy import Tidy
from tests.support.telemetry import TEST, events, make_home, manifest, settings, shop


@pytest.mark.parametrize(
    ("relation", "expected"),
    [
        ('"shop"."main"."orders"', ("shop", "main", "orders")),
        ('"a.b"."with ""quotes"""."t"', ("a.b", 'with "quotes"', "t")),
        ("`project`.`set`.`t`", ("project", "set", "t")),
        ("`project-1.set.t`", ("project-1", "set", "t")),
        ("DB.PUBLIC.T", ("DB", "PUBLIC", "T")),
        ("[db].[dbo].[t]", ("db", "dbo", "t")),
    ],
)
def test_the_parts_of_a_relation(relation: str, expected: tuple[str, ...]) -> None:
    assert parts(relation) == expected
    assert name(relation) == ".".join(expected)


@pytest.mark.parametrize(
    ("adapter", "values", "expected"),
    [
        ("duckdb", {"path": "/var/lib/floe/shop.duckdb"}, "duckdb:///state/shop.duckdb"),
        ("duckdb", {"path": "/tmp/shop.duckdb"}, "duckdb:///tmp/shop.duckdb"),
        ("postgres", {"host": "db.internal"}, "postgres://db.internal:5432"),
        ("postgres", {"host": Reference(kind="env", name="PGHOST"), "port": 6}, "postgres://db.from.environ:6"),
        ("postgres", {"host": Reference(kind="env", name="MISSING"), "port": 6}, "postgres://MISSING:6"),
        ("postgres", {"host": Reference(kind="secret", name="pg"), "port": 6}, "postgres://pg:6"),
        ("snowflake", {"account": "org-acc"}, "snowflake://org-acc"),
        ("snowflake", {"account": "xy12345"}, "snowflake://xy12345.us-west-1.aws"),
        ("snowflake", {"account": "xy12345.east-us-2.azure"}, "snowflake://xy12345.east-us-2.azure"),
        ("bigquery", {"project": "p"}, "bigquery"),
        ("redshift", {"host": "c1.abc.eu-west-1.redshift.amazonaws.com"}, "redshift://c1.eu-west-1:5439"),
        ("redshift", {"host": "redshift.internal", "port": 5440}, "redshift://redshift.internal:5440"),
        ("databricks", {"host": "adb-1.azuredatabricks.net"}, "databricks://adb-1.azuredatabricks.net"),
    ],
)
def test_the_namespace_of_a_target(adapter: str, values: dict[str, Any], expected: str, tmp_path: Path) -> None:
    (tmp_path / "pg").write_text("canary")
    places = Places(artifacts=Path("/a"), home=Path("/h"), state=Path("/state"), secrets=tmp_path, scratch=Path("/tmp"))
    target = TargetArtifact(name="t", adapter=adapter, settings=settings(**values))
    assert namespace(target, places=places, environ={"PGHOST": "db.from.environ"}) == expected


@pytest.mark.parametrize(
    ("kind", "values", "namespace_of", "table"),
    [
        ("polaris", {"uri": "http://p:8181/api/catalog", "warehouse": "w"}, "http://p:8181/api/catalog", "w.a.b"),
        ("rest", {"uri": Reference(kind="env", name="PGHOST")}, "db.from.environ", "a.b"),
        ("rest", {"uri": "https://r/x/", "warehouse": Reference(kind="secret", name="s")}, "https://r/x", "s.a.b"),
        ("hive", {"uri": "thrift://metastore:9083"}, "hive://metastore:9083", "a.b"),
        ("glue", {"region": "eu-west-1", "catalog_id": "123"}, "arn:aws:glue:eu-west-1:123", "table/a/b"),
        ("local", {"warehouse": "/var/lib/floe/c"}, "sqlite:///state/c/catalog.sqlite", "a.b"),
    ],
)
def test_tables_of_a_catalog(kind: Any, values: dict[str, Any], namespace_of: str, table: str, tmp_path: Path) -> None:
    catalog = CatalogArtifact(name="c", type=kind, settings=settings(**values))
    places = Places(artifacts=tmp_path, home=tmp_path, state=Path("/state"), secrets=tmp_path, scratch=tmp_path)
    names = catalog_names(catalog, places=places, environ={"PGHOST": "db.from.environ"})
    assert (names.namespace, names.table(("a", "b"))) == (namespace_of, table)


@pytest.mark.parametrize(
    ("kind", "relation", "outputs"),
    [
        ("rest", '"lake"."shop"."orders"', [("http://r:1", "w.shop.orders")]),
        (
            "local",
            '"shop"."shop"."orders"',
            [
                ("duckdb://{state}/shop.duckdb", "shop.shop.orders"),
                ("sqlite://{state}/c/catalog.sqlite", "shop.orders"),
            ],
        ),
    ],
)
def test_a_node_of_a_target_in_a_catalog(
    kind: Any, relation: str, outputs: list[tuple[str, str]], tmp_path: Path
) -> None:
    """DuckDB writes to the one itself; to the other its table is copied. And an export goes to a third."""
    where = {"uri": "http://r:1", "warehouse": "w"} if kind == "rest" else {"warehouse": "/var/lib/floe/c"}
    out = CatalogArtifact(name="out", type="hive", settings=settings(uri="thrift://h:9"))
    export = ExportArtifact(model="orders", catalog="out", namespace="x.y", table="t", partition_by=())
    base = shop()
    target = replace(
        base.targets[0], settings=settings(path="/var/lib/floe/shop.duckdb", schema="shop", catalog="lake")
    )
    artifacts = replace(
        base,
        targets=(target, base.targets[1]),
        catalogs=(CatalogArtifact(name="lake", type=kind, settings=settings(**where)), out),
        exports=(export,),
    )
    home = make_home(tmp_path, artifacts)
    places = Places.of(home.environ())
    encoder = LineageEncoder(artifacts, graphs=Graphs(places.home), places=places, environ={}, jobs="shop")
    started, seed = events()[0], next(each for each in events() if isinstance(each, NodeFinished))
    exported = replace(
        seed, unique_id=export.unique_id, resource_type="export", columns=(Column(name="id", type="long"),), rows=5
    )
    told = [
        json.loads(parcel.body)
        for event in (started, replace(seed, relation=relation), exported)
        for parcel in encoder.encode(event, quick=False)
    ]
    expected = [(name.format(state=places.state), table) for name, table in outputs]
    assert [(each["namespace"], each["name"]) for each in told[1]["outputs"]] == expected
    assert [(each["namespace"], each["name"]) for each in told[2]["inputs"]] == expected[:1]
    (written,) = told[2]["outputs"]
    assert (written["namespace"], written["name"]) == ("hive://h:9", "x.y.t")
    assert written["facets"]["schema"]["fields"][0]["name"] == "id"
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 5
    assert told[2]["job"]["facets"]["jobType"]["jobType"] == "EXPORT"


def test_names_that_are_only_known_at_start_are_not_those_of_the_build(tmp_path: Path) -> None:
    places = Places(artifacts=tmp_path, home=tmp_path, state=tmp_path, secrets=tmp_path, scratch=tmp_path)
    variable = Reference(kind="env", name="DB")
    target = TargetArtifact(name="t", adapter="postgres", settings=settings(database=variable, schema="public"))
    known = unknown_at_build(target, places=places, environ={"DB": 'real "one"'})
    assert known == ('real "one"', None)
    assert parts(made_known('"placeholder"."public"."placeholder"', known)) == ('real "one"', "public", "placeholder")
    assert made_known('"other"."public"."t"', known) == '"other"."public"."t"'


def test_a_node_that_was_skipped_begins_and_one_that_was_overtaken_ends() -> None:
    told = events()
    skipped = next(e for e in told if isinstance(e, NodeFinished) and e.unique_id == "model.shop.daily")
    tidy = Tidy()
    assert list(tidy(skipped)) == [NodeStarted(unique_id="model.shop.daily", at=skipped.started_at), skipped]
    (begun,) = tidy(NodeStarted(unique_id=TEST, at=5))
    assert begun.at == 5
    end = RunFinished(outcome="interrupted", message="interrupted", at=9)
    overtaken, last = tidy(end)
    assert isinstance(overtaken, NodeFinished)
    assert (overtaken.unique_id, overtaken.resource_type, overtaken.name) == (TEST, "test", "not_null_daily_day")
    assert (overtaken.status, overtaken.started_at, overtaken.at, last) == ("error", 5, 9, end)


def test_an_ephemeral_parent_is_stood_for_by_its_own() -> None:
    graph = parse(manifest())
    assert [node.unique_id for node in graph.inputs("model.shop.daily")] == [
        "source.shop.raw.rates",
        "seed.shop.orders",
    ]
    assert graph.inputs("model.shop.unknown") == ()
    test = graph.node("test.shop.not_null_daily_day")
    assert test is not None
    assert (test.tested, test.check, test.column, test.severity) == ("model.shop.daily", "not_null", "day", "error")


def test_lineage_without_a_manifest_tells_what_the_events_alone_say(tmp_path: Path) -> None:
    home = make_home(tmp_path, shop())
    places = Places.of(home.environ())
    encoder = LineageEncoder(shop(), graphs=Graphs(tmp_path / "nowhere"), places=places, environ={}, jobs="shop")
    bodies = [parcel.body for event in events() for parcel in encoder.encode(event, quick=False)]
    assert len(bodies) == 10
    assert b'"rowCount":7' in b"".join(bodies)
