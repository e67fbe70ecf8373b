"""What collectors receive of one run: exactly these spans, metrics, log records and lineage events."""

from __future__ import annotations

import base64
import copy
import json
import re
import subprocess
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from floe_images.artifacts.model import Reference
from tests.support.mirror_tls import make_tls
from tests.support.telemetry import (
    RUN_ID,
    START,
    TEST,
    drive,
    events,
    lineage_events,
    make_home,
    recorder,
    settings,
    shop,
    spans,
)

CANARY = "canary-7d1f0c"


def _attributes(told: dict[str, Any]) -> dict[str, Any]:
    def plain(value: dict[str, Any]) -> Any:
        ((kind, found),) = value.items()
        if kind == "arrayValue":
            return [plain(each) for each in found["values"]]
        return int(found) if kind == "intValue" else found

    return {each["key"]: plain(each["value"]) for each in told.get("attributes", ())}


def _ids(found: Sequence[dict[str, Any]]) -> dict[str, str]:
    return {each["spanId"]: each["name"] for each in found}


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_spans_metrics_and_logs_of_a_run(runtime_python: Path, tmp_path: Path, protocol: str) -> None:
    with recorder(runtime_python) as collector:
        headers = settings(**{"X-Token": Reference(kind="secret", name="token")})
        endpoint = collector.grpc if protocol == "grpc" else collector.http
        artifacts = shop(traces=settings(endpoint=endpoint, protocol=protocol, headers=headers))
        home = make_home(tmp_path, artifacts, {"token": f"{CANARY}\n"})
        driven = drive(runtime_python, home, events(), handled={"traces": 21})
        got = collector.stop()

    assert driven.last_line == "INFO telemetry: traces 21 sent"
    assert {each["path"] for each in got} == {"/v1/traces", "/v1/metrics", "/v1/logs"}
    assert {each["headers"]["x-token"] for each in got} == {CANARY}

    found = spans(got)
    named = _ids(found)
    assert len(found) == 8
    assert {base64.b64decode(each["traceId"]).hex() for each in found} == {uuid.UUID(RUN_ID).hex}
    tree = {each["name"]: (named.get(each.get("parentSpanId", "")), each["kind"][10:]) for each in found}
    assert tree == {
        "run nightly": (None, "INTERNAL"),
        "asset orders": ("run nightly", "INTERNAL"),
        "seed orders": ("asset orders", "CLIENT"),
        "asset daily": ("run nightly", "INTERNAL"),
        "model daily": ("asset daily", "CLIENT"),
        "test not_null_daily_day": ("asset daily", "CLIENT"),
        "asset broken": ("run nightly", "INTERNAL"),
        "model broken": ("asset broken", "CLIENT"),
    }
    failed = {each["name"]: each["status"].get("message") for each in found if each["status"]}
    assert failed == {
        "run nightly": "model broken failed",
        "asset broken": None,
        "model broken": "Catalog Error\nno such column: x",
    }
    by_name = {each["name"]: each for each in found}
    assert _attributes(by_name["model daily"]) == {
        "db.system.name": "duckdb",
        "db.collection.name": '"shop"."main"."daily"',
        "dbt.unique_id": "model.shop.daily",
        "dbt.resource_type": "model",
        "dbt.status": "success",
        "dbt.rows": 7,
    }
    assert _attributes(by_name["run nightly"]) == {
        "floe.run.id": RUN_ID,
        "floe.job": "nightly",
        "floe.transform": "project/transform",
        "floe.target": "dev",
        "floe.adapter": "duckdb",
        "floe.select": ["tag:nightly"],
        "floe.outcome": "models_failed",
        "db.system.name": "duckdb",
        "error.type": "models_failed",
    }
    times = {
        each["name"]: (int(each["startTimeUnixNano"]) - START, int(each["endTimeUnixNano"]) - START) for each in found
    }
    assert times["asset daily"] == (2_000_000_000, 3_100_000_000)  # the model and its test
    assert times["run nightly"] == (0, 6_000_000_000)

    (resource,) = {json.dumps(w["resource"]) for e in got for key in e["content"] for w in e["content"][key]}
    assert _attributes(json.loads(resource))["service.name"] == "shop"

    (metrics,) = (each["content"] for each in got if each["path"] == "/v1/metrics")
    told = {each["name"]: each for each in metrics["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]}
    assert set(told) == {"floe.runs", "floe.run.duration", "floe.nodes", "floe.node.duration", "floe.node.rows"}
    nodes = {
        (_attributes(each)["dbt.resource_type"], _attributes(each)["dbt.status"]): int(each["asInt"])
        for each in told["floe.nodes"]["sum"]["dataPoints"]
    }
    assert nodes == {("seed", "success"): 1, ("model", "success"): 1, ("model", "error"): 1, ("test", "success"): 1}
    rows = {_attributes(e)["dbt.unique_id"]: int(e["asInt"]) for e in told["floe.node.rows"]["gauge"]["dataPoints"]}
    assert rows == {"seed.shop.orders": 40, "model.shop.daily": 7}
    assert told["floe.run.duration"]["histogram"]["dataPoints"][0]["sum"] == 6.0
    assert told["floe.runs"]["sum"]["aggregationTemporality"] == "AGGREGATION_TEMPORALITY_DELTA"

    (logs,) = (each["content"] for each in got if each["path"] == "/v1/logs")
    records = logs["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    assert [(each["severityText"], each["body"]["stringValue"], named[each["spanId"]]) for each in records] == [
        ("INFO", "Found 2 models", "run nightly"),
        ("ERROR", "no such column", "model broken"),
    ]
    assert CANARY not in driven.log
    assert not home.spool


@pytest.fixture(scope="module")
def lineage(runtime_python: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The events of one run, as they arrived over HTTP."""
    python, tmp_path = runtime_python, tmp_path_factory.mktemp("lineage")
    with recorder(python) as collector:
        key = Reference(kind="secret", name="key")
        artifacts = shop(lineage=settings(type="http", url=collector.http, endpoint="api/v1/lineage", api_key=key))
        home = make_home(tmp_path, artifacts, {"key": CANARY})
        driven = drive(python, home, events(), handled={"lineage": 10})
        got = collector.stop()
    assert driven.last_line == "INFO telemetry: lineage 10 sent"
    assert {each["headers"]["authorization"] for each in got} == {f"Bearer {CANARY}"}
    assert CANARY not in driven.log
    return lineage_events(got)


def _wrong(python: Path, found: Sequence[dict[str, Any]]) -> list[str]:
    script = Path(__file__).parents[1] / "support" / "openlineage_check.py"
    done = subprocess.run([python, script], input=json.dumps(found), capture_output=True, text=True, check=True)
    faults: list[str] = json.loads(done.stdout)
    return faults


def test_the_lineage_of_a_run(runtime_python: Path, lineage: list[dict[str, Any]]) -> None:
    found = lineage
    assert _wrong(runtime_python, found) == []

    def names(datasets: Sequence[dict[str, Any]]) -> list[str]:
        return sorted(each["name"] for each in datasets)

    told = [(e["eventType"], e["job"]["name"], names(e["inputs"]), names(e["outputs"])) for e in found]
    both = ["shop.main.orders", "shop.raw.rates"]  # through the ephemeral model
    assert told == [
        ("START", "nightly", [], []),
        ("START", "seed.shop.orders", [], ["shop.main.orders"]),
        ("COMPLETE", "seed.shop.orders", [], ["shop.main.orders"]),
        ("START", "model.shop.daily", both, ["shop.main.daily"]),
        ("COMPLETE", "model.shop.daily", both, ["shop.main.daily"]),
        ("START", TEST, ["shop.main.daily"], []),
        ("COMPLETE", TEST, ["shop.main.daily"], []),
        ("START", "model.shop.broken", ["shop.main.daily"], ["shop.main.broken"]),
        ("FAIL", "model.shop.broken", ["shop.main.daily"], ["shop.main.broken"]),
        ("FAIL", "nightly", [], []),
    ]
    assert {e["job"]["namespace"] for e in found} == {"shop"}
    (source,) = {d["namespace"] for e in found for d in (*e["inputs"], *e["outputs"])}
    assert re.fullmatch(r"duckdb:///.+/state/shop\.duckdb", source)
    by_job: dict[str, list[dict[str, Any]]] = {}
    for each in found:
        by_job.setdefault(each["job"]["name"], []).append(each)
    assert all(len({e["run"]["runId"] for e in its}) == 1 for its in by_job.values())
    assert by_job["nightly"][0]["run"]["runId"] == RUN_ID
    assert found[0]["eventTime"] == "2023-11-14T22:13:20.000000+00:00"
    parent = by_job["model.shop.daily"][0]["run"]["facets"]["parent"]
    assert (parent["run"]["runId"], parent["job"]["name"]) == (RUN_ID, "nightly")

    daily = by_job["model.shop.daily"][1]
    (output,) = daily["outputs"]
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 7
    columns = [(f["name"], f["type"], f["ordinal_position"]) for f in output["facets"]["schema"]["fields"]]
    assert columns == [("day", "DATE", 1), ("currency", "VARCHAR", 2), ("total", "DOUBLE", 3)]
    origins = {
        column: sorted((f["name"], f["field"], f["transformations"][0]["subtype"]) for f in its["inputFields"])
        for column, its in output["facets"]["columnLineage"]["fields"].items()
    }
    assert origins == {
        "day": [("shop.main.orders", "day", "IDENTITY")],
        "currency": [("shop.main.orders", "currency", "TRANSFORMATION")],
        "total": [("shop.main.orders", "amount", "AGGREGATION"), ("shop.raw.rates", "rate", "AGGREGATION")],
    }
    assert output["facets"]["documentation"]["description"] == "Orders a day."
    assert daily["job"]["facets"]["sql"]["dialect"] == "duckdb"
    assert daily["run"]["facets"]["processing_engine"]["version"] == "1.11.16"
    (tested,) = by_job[TEST][1]["inputs"]
    (assertion,) = tested["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert (assertion["assertion"], assertion["column"], assertion["success"]) == ("not_null", "day", True)
    failed = by_job["model.shop.broken"][1]
    assert failed["run"]["facets"]["errorMessage"]["message"] == "Catalog Error\nno such column: x"


def _other_version(event: dict[str, Any]) -> None:
    facet = event["outputs"][0]["facets"]["schema"]
    facet["_schemaURL"] = facet["_schemaURL"].replace("1-", "9-", 1)


def _row_count_in_words(event: dict[str, Any]) -> None:
    event["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] = "seven"


def _unknown_property(event: dict[str, Any]) -> None:
    event["outputs"][0]["facets"]["columnLineage"]["fields"]["day"]["inputFields"][0]["colour"] = "red"


def test_the_check_of_lineage_events_finds_planted_faults(runtime_python: Path, lineage: list[dict[str, Any]]) -> None:
    (event,) = [
        each for each in lineage if (each["eventType"], each["job"]["name"]) == ("COMPLETE", "model.shop.daily")
    ]
    plants: tuple[Callable[[dict[str, Any]], None], ...] = (_other_version, _row_count_in_words, _unknown_property)
    for plant in plants:
        planted = copy.deepcopy(event)
        plant(planted)
        assert len(_wrong(runtime_python, [planted])) == 1, plant.__name__


def test_lineage_into_a_file_and_into_the_log(runtime_python: Path, tmp_path: Path) -> None:
    home = make_home(tmp_path, shop(lineage=settings(type="file", path="/var/lib/floe/lineage/events.jsonl")))
    for _ in range(2):
        drive(runtime_python, home, events(), handled={"lineage": 10})
    lines = (home.state / "lineage" / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["eventType"] for line in lines].count("START") == 2 * 5
    assert len(lines) == 2 * 10

    home = make_home(tmp_path, shop(lineage=settings(type="console", namespace="elsewhere")))
    driven = drive(runtime_python, home, events(outcome="success"), handled={"lineage": 10})
    logged = [json.loads(line.removeprefix("INFO ")) for line in driven.log.splitlines() if line.startswith("INFO {")]
    assert [(each["eventType"], each["job"]["namespace"]) for each in logged][-1] == ("COMPLETE", "elsewhere")
    assert len(logged) == 10


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_private_authority_is_the_one_of_ssl_cert_file(runtime_python: Path, tmp_path: Path, protocol: str) -> None:
    tls = make_tls(tmp_path / "tls", "127.0.0.1")
    with recorder(runtime_python, tls=(tls.certificate, tls.key)) as collector:
        endpoint = collector.grpc if protocol == "grpc" else collector.http
        home = make_home(tmp_path, shop(traces=settings(endpoint=endpoint, protocol=protocol, headers=settings())))
        distrusted = drive(runtime_python, home, events(), handled={"traces": 21})
        trusted = drive(
            runtime_python, home, events(), handled={"traces": 42}, env={"SSL_CERT_FILE": str(tls.authority)}
        )
        got = collector.stop()
    why = "gRPC UNAVAILABLE" if protocol == "grpc" else "no trust in its certificate"
    assert distrusted.last_line == f"WARNING telemetry: traces 0 sent, 21 kept for the next run ({why})"
    assert trusted.last_line == "INFO telemetry: traces 42 sent"
    assert len(spans(got)) == 16


def test_nobody_is_told_where_floe_yaml_names_nobody(runtime_python: Path, tmp_path: Path) -> None:
    home = make_home(tmp_path, shop())
    driven = drive(runtime_python, home, events())
    assert (driven.code, driven.told["tell"], driven.log) == (0, [], "")
    assert not (home.state / "telemetry").exists()
