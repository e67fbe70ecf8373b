"""BigQuery's driver with floe's profiles against an endpoint that writes down what arrives."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

from tests.support.https_recorder import Request, Response, https_recorder
from tests.support.mirror_tls import make_tls
from tests.support.warehouses import BUILD, CONNECT, lay_out, run_targets

API, TOKENS, GOOGLE, EXCHANGE = (
    "bq.example.internal",
    "token.example.internal",
    "oauth2.googleapis.com",
    "sts.googleapis.com",
)
_COMMON = f'project: six, dataset: one, location: EU, api_endpoint: "https://{API}", execution_project: billed'
TARGETS = f"""\
  key: {{adapter: bigquery, {_COMMON}, auth: {{method: service_account, key: {{secret: key}}}}}}
  default: {{adapter: bigquery, {_COMMON}, auth: {{method: application_default}}}}
  identity:
    {{adapter: bigquery, {_COMMON},
     auth: {{method: workload_identity, credential_config: {{secret: external}}}}}}
"""


def _answer(request: Request) -> Response:
    """Google's token services, and so much of BigQuery's REST API that dbt makes a table and tests it."""
    path = request.path.split("?")[0]
    if request.host in (TOKENS, GOOGLE, EXCHANGE):
        return Response.of(
            {
                "access_token": f"token-of-{request.host}",
                "expires_in": 3600,
                "token_type": "Bearer",
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            }
        )
    table = {"projectId": "six", "datasetId": "one", "tableId": "one"}
    row = {"f": [{"v": "0"}, {"v": "false"}, {"v": "false"}]}
    if path.endswith("/data"):
        return Response.of({"rows": [row], "totalRows": "1"})
    if path.endswith("/tables"):
        return Response.of({"kind": "bigquery#tableList", "totalItems": 0})
    if "/tables/" in path:
        schema = {"fields": [{"name": "id", "type": "INTEGER"}]}
        return Response.of(
            {"kind": "bigquery#table", "tableReference": table, "type": "TABLE", "schema": schema, "numRows": "1"}
        )
    if "/datasets" in path:
        reference = {"projectId": "six", "datasetId": "one"}
        return Response.of({"kind": "bigquery#dataset", "datasetReference": reference, "location": "EU"})
    if "/queries/" in path:
        fields = [{"name": name, "type": kind} for name, kind in
                  (("failures", "INTEGER"), ("should_warn", "BOOLEAN"), ("should_error", "BOOLEAN"))]  # fmt: skip
        return Response.of(
            {"jobComplete": True, "schema": {"fields": fields}, "rows": [row], "totalRows": "1",
             "jobReference": {"projectId": "billed", "jobId": path.split("/")[-1], "location": "EU"}}
        )  # fmt: skip
    job: dict[str, Any] = request.json() if request.body else {"configuration": {"query": {"query": "select 1"}}}
    if "configuration" not in job:
        return Response.of({"jobComplete": True, "rows": [], "totalRows": "0", "schema": {"fields": []}, "jobReference":
                            {"projectId": "billed", "jobId": "j", "location": "EU"}})  # fmt: skip
    job.setdefault("jobReference", {"projectId": "billed", "jobId": path.split("/")[-1], "location": "EU"})
    job["status"] = {"state": "DONE"}
    creates = "create or replace table" in job["configuration"]["query"]["query"].lower()
    job["statistics"] = {
        "query": {"statementType": "CREATE_TABLE_AS_SELECT" if creates else "SELECT", "totalBytesProcessed": "0"}
    }
    answers = {**table, "datasetId": "_answers", "tableId": "answer"}
    job["configuration"]["query"]["destinationTable"] = table if creates else answers
    return Response.of(job)


def _verified(key: str, token: str, folder: Path) -> dict[str, Any]:
    """The claims of a JSON Web Token that ``key`` has signed with RS256 (RFC 7515)."""
    signed, _, signature = token.rpartition(".")
    (folder / "key").write_text(key)
    sign = ["openssl", "dgst", "-sha256", "-sign", "key"]
    expected = subprocess.run(sign, input=signed.encode(), cwd=folder, capture_output=True, check=True).stdout
    assert base64.urlsafe_b64decode(signature + "==") == expected
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(signed.split(".")[1] + "=="))
    return claims


def test_three_ways_to_log_in_and_a_table_made(runtime_python: Path, tmp_path: Path) -> None:
    new = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
    key = subprocess.run(new, capture_output=True, text=True, check=True).stdout
    subject = tmp_path / "subject-token"
    subject.write_text("subject-token")
    secrets = {
        "key": json.dumps(
            {"type": "service_account", "client_email": "me@six.iam", "private_key": key, "private_key_id": "key-id",
             "token_uri": f"https://{TOKENS}/token"}
        ),
        "external": json.dumps(
            {"type": "external_account", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
             "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b",
             "token_url": f"https://{EXCHANGE}/v1/token", "credential_source": {"file": str(subject)}}
        ),
    }  # fmt: skip
    default = tmp_path / "default.json"
    default.write_text(
        json.dumps({"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "refresh-me"})
    )
    warehouses = lay_out(tmp_path / "home", TARGETS, secrets)
    hosts = (API, TOKENS, GOOGLE, EXCHANGE)
    tls = make_tls(tmp_path / "tls", *hosts)
    with https_recorder(tls, _answer) as recorder:
        done = run_targets(
            runtime_python,
            warehouses,
            commands={"key": BUILD, "default": CONNECT, "identity": CONNECT},
            ports=dict.fromkeys(hosts, recorder.port),
            environ={"SSL_CERT_FILE": str(tls.authority)},
            own={"default": {"GOOGLE_APPLICATION_CREDENTIALS": str(default)}},
        )
    assert done.codes == {"key": 0, "default": 0, "identity": 0}, done.said
    assert "PASS=3" in done.said  # the table and its two tests
    asked = {each.form()["assertion"] for each in recorder.to(TOKENS)}
    assert {_verified(key, each, tmp_path)["iss"] for each in asked} == {"me@six.iam"}
    assert {each.form()["refresh_token"] for each in recorder.to(GOOGLE)} == {"refresh-me"}
    assert {each.form()["subject_token"] for each in recorder.to(EXCHANGE)} == {"subject-token"}
    # Every call has the token of one of the three, and each of them was used.
    bearers = {each.headers["authorization"] for each in recorder.to(API)}
    assert bearers == {f"Bearer token-of-{host}" for host in (TOKENS, GOOGLE, EXCHANGE)}
    jobs = [each for each in recorder.to(API, "/bigquery/v2/projects/billed/jobs") if each.method == "POST"]
    made = [each.json()["configuration"]["query"]["query"] for each in jobs]
    assert [sql for sql in made if "create or replace table `six`.`one`.`one`" in sql]
    assert done.names() == set(hosts)
    assert done.addresses() == {"127.0.0.1"}
    for secret in (key.splitlines()[2], "key-id", "subject-token", "refresh-me"):
        assert secret not in done.said
