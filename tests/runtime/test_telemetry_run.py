"""A real run of dbt, told to collectors: what they receive is what dbt did, and without them it does the same."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from pathlib import Path

from floe_images.artifacts.codec import encode
from floe_images.artifacts.model import ObservabilityArtifact
from tests.support.runtime import run_inside
from tests.support.shop import Shop, shop_artifacts
from tests.support.telemetry import NOTHING, Home, Recorder, drive, lineage_events, recorder, settings, spans

_RUN = ["-m", "floe_images.runtime.main", "run", "--target", "dev"]
_CHECK = Path(__file__).parents[1] / "support" / "openlineage_check.py"


def tell(shop: Shop, collector: Recorder) -> None:
    observability = ObservabilityArtifact(
        traces=settings(endpoint=collector.grpc, protocol="grpc", headers=settings()),
        lineage=settings(type="http", url=collector.http, endpoint="api/v1/lineage"),
    )
    artifacts = dataclasses.replace(shop_artifacts(shop.root / "in"), observability=observability)
    (shop.root / "home" / "artifacts.json").write_bytes(encode(artifacts))


def _lines(stdout: str) -> list[str]:
    """What was said of each node and of the run, without times and ids; those side by side end in any order."""
    return sorted(re.sub(r"  [0-9.]+ s|run [0-9a-f-]{36}", "", line) for line in stdout.splitlines())


def test_a_real_run_with_and_without_anybody_who_listens(shop: Shop, shop_template: Shop, tmp_path: Path) -> None:
    with recorder(shop.python) as collector:
        tell(shop, collector)
        told = run_inside(shop.python, _RUN, env=shop.env)
        # On a busy machine the end of the run may leave something for the next one.
        drive(shop.python, Home(root=shop.root), NOTHING, idle=True)
        got = collector.stop()
    assert re.search(r"telemetry: traces \d+ sent.*; lineage \d+ sent", told.stderr)
    assert len(lineage_events(got)) == 30

    ran = re.findall(r"^\w+ +(seed|model|snapshot|test|unit_test) (\w+)", told.stdout, re.M)
    found = spans(got)
    names = {each["spanId"]: each["name"] for each in found}
    tree = {each["name"]: names.get(each.get("parentSpanId", "")) for each in found}
    assert len(ran) == 14
    assert {name for name in tree if not name.startswith(("asset ", "run "))} == {
        f"{kind} {name}" for kind, name in ran
    }
    assert {name for name in tree if name.startswith("asset ")} == {
        f"asset {name}" for kind, name in ran if kind in ("seed", "model", "snapshot")
    }
    assert tree["test unique_customers_customer"] == "asset customers"
    assert tree["run all"] is None
    (run_id,) = set(re.findall(r"^run ([0-9a-f-]{36})", told.stdout, re.M))
    lineage = lineage_events(got)
    assert {e["run"]["runId"] for e in lineage if e["job"]["name"] == "all"} == {run_id}
    checked = subprocess.run(
        [shop.python, _CHECK], input=json.dumps(lineage), capture_output=True, text=True, check=True
    )
    assert json.loads(checked.stdout) == []
    (output,) = next(
        e["outputs"] for e in lineage if (e["eventType"], e["job"]["name"]) == ("COMPLETE", "model.shop.customers")
    )
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 3
    (origin,) = output["facets"]["columnLineage"]["fields"]["amount"]["inputFields"]
    assert origin["name"] == "dev.main.stg_orders"
    assert (origin["field"], origin["transformations"][0]["subtype"]) == ("amount", "AGGREGATION")

    again = Shop(root=tmp_path / "again", python=shop.python)
    shutil.copytree(shop_template.root, again.root)
    with recorder(shop.python, "silent") as collector:
        tell(again, collector)
        unheard = run_inside(shop.python, _RUN, env=again.env)
    assert "traces 0 sent" in unheard.stderr
    assert "lineage 0 sent, 30 kept for the next run" in unheard.stderr
    assert _lines(unheard.stdout) == _lines(told.stdout)
