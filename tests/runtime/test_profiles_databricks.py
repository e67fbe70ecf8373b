"""Databricks' driver with floe's profiles against a workspace that writes down what arrives; Iceberg by default."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.support.databricks_recorder import databricks_recorder
from tests.support.https_recorder import Response, https_recorder
from tests.support.mirror_tls import make_tls
from tests.support.runtime import run_inside
from tests.support.warehouses import BUILD, CONNECT, MODELS, PROJECT, lay_out, run_targets

HOST = "work.example.internal"
TARGETS = """\
  token:
    {adapter: databricks, host: work.example.internal, http_path: /sql/1.0/warehouses/six, catalog: main, schema: one,
     auth: {method: token, token: {secret: token}}}
  client:
    {adapter: databricks, host: work.example.internal, http_path: /sql/1.0/warehouses/six, catalog: main, schema: one,
     auth: {method: oauth, client_id: client, client_secret: {secret: secret}}}
"""
SECRETS = {"token": "dapi-c4n4ry", "secret": "dose-c4n4ry"}
FILES = {
    **MODELS,
    "grown.sql": "{{ config(materialized='incremental', unique_key='id') }} select * from {{ ref('one') }}",
    "seen.sql": "{{ config(materialized='view') }} select * from {{ ref('one') }}",
    "../seeds/fruits.csv": "id\n1\n",
    "../snapshots/kept.yml": "snapshots: [{name: kept, relation: ref('one'), config: "
    "{strategy: check, check_cols: all, unique_key: id}}]\n",
}


def test_two_ways_to_log_in_and_tables_are_iceberg(runtime_python: Path, tmp_path: Path) -> None:
    warehouses = lay_out(tmp_path / "home", TARGETS, SECRETS, models=FILES)
    tls = make_tls(tmp_path / "tls", HOST)
    with databricks_recorder(runtime_python, tls, HOST) as recorder:
        done = run_targets(
            runtime_python,
            warehouses,
            commands={"token": BUILD, "client": CONNECT},
            ports={HOST: recorder.https.port},
            environ={"SSL_CERT_FILE": str(tls.authority)},
        )
    assert done.codes == {"token": 0, "client": 0}, done.said
    calls = recorder.https.to(HOST, "/sql/")
    assert {each.headers["authorization"] for each in calls} == {"Bearer dapi-c4n4ry", "Bearer token-of-client"}
    (exchange, *_) = recorder.https.to(HOST, "/oidc/v1/token")
    assert base64.b64decode(exchange.headers["authorization"].split()[1]) == b"client:dose-c4n4ry"
    made = {
        name: next(
            (" ".join(each.split()) for each in recorder.statements
             if "create" in each and f"`one`.`{name}`" in each.split("select")[0]), "",
        )
        for name in ("one", "grown", "seen", "fruits", "kept")
    }  # fmt: skip
    assert "table `main`.`one`.`one` using iceberg as select 1 as id" in made["one"]
    assert "using iceberg" in made["grown"]
    assert "create or replace view" in made["seen"]
    assert "iceberg" not in made["seen"]
    for name in ("fruits", "kept"):
        assert "'delta.universalFormat.enabledFormats' = 'iceberg'" in made[name]
    assert done.names() == {HOST}
    assert done.addresses() == {"127.0.0.1"}
    assert not [each.path for each in recorder.https.requests if "telemetry" in each.path]
    for secret in ("dapi-c4n4ry", "dose-c4n4ry", "token-of-client"):
        assert secret not in done.said


@pytest.mark.acceptance
def test_delta_is_a_finding_when_the_project_is_read(runtime_python: Path, tmp_path: Path) -> None:
    """``dbt.parse`` is what `floe build` and `floe run` read a project by."""
    project = PROJECT + "models: {+file_format: delta}\n"
    models = {"one.sql": "{{ config(materialized='table') }} select 1 as id"}
    warehouses = lay_out(tmp_path / "home", TARGETS, {}, models=models, project=project)
    done = run_inside(
        runtime_python,
        ["-m", "floe_images.runtime.dbt.parse", "--target", "token", "--epoch", "1", "--placeholders", "--output", "m"],
        env=warehouses.environ,
        check=False,
    )
    assert done.returncode == 5
    assert "model one (models/one.sql) asks for a Delta table by its file_format" in done.stderr


def test_a_refused_login_is_no_traceback(runtime_python: Path, tmp_path: Path) -> None:
    warehouses = lay_out(tmp_path / "home", TARGETS, SECRETS, models=FILES)
    tls = make_tls(tmp_path / "tls", HOST)
    with https_recorder(tls, lambda _: Response.of({"error": "invalid_client"}, status=401)) as recorder:
        done = run_targets(
            runtime_python,
            warehouses,
            commands={"token": CONNECT, "client": CONNECT},
            ports={HOST: recorder.port},
            environ={"SSL_CERT_FILE": str(tls.authority)},
        )
    assert 0 not in done.codes.values(), done.said
    assert recorder.to(HOST, "/")
    assert [line for line in done.said.splitlines() if "Traceback" in line or "Logging error" in line] == []
