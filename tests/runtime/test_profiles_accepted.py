"""Every way to log in: the adapter's own credentials class takes it, and `dbt parse` works on each of the six."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.runtime import run_inside
from tests.support.warehouses import INSIDE, lay_out

NASTY = "c4n4ry\"'{{ env_var('HOME') }}{% if %}{# x #}\\n$$$ \\ \nsecond line: {a: [b"
TARGETS = """\
  duck: {adapter: duckdb, path: /var/lib/floe/a.duckdb}
  pg:
    {adapter: postgres, host: {env: PGHOST}, user: {env: PGUSER}, password: {secret: nasty}, database: d,
     sslmode: require}
  pg-trusted: {adapter: postgres, host: db, user: floe, database: d}
  sf-password:
    {adapter: snowflake, account: acc, user: {secret: user}, auth: {method: password, password: {secret: nasty}},
     warehouse: w, database: d, schema: s, role: r, host: sf.example.internal, threads: 3}
  sf-key:
    {adapter: snowflake, account: acc, user: u, warehouse: w, database: d, schema: s,
     auth: {method: key_pair, private_key: {secret: key}}}
  sf-locked-key:
    {adapter: snowflake, account: acc, user: u, warehouse: w, database: d, schema: s,
     auth: {method: key_pair, private_key: {secret: locked-key}, passphrase: {secret: nasty-line}}}
  sf-token:
    {adapter: snowflake, account: acc, user: u, warehouse: w, database: d, schema: s,
     auth: {method: oauth, token: {secret: nasty}}}
  sf-refresh:
    {adapter: snowflake, account: acc, user: u, warehouse: w, database: d, schema: s,
     auth: {method: oauth, token: {secret: nasty}, client_id: client, client_secret: {secret: user}}}
  bq-key:
    {adapter: bigquery, project: p, dataset: d, location: EU, auth: {method: service_account, key: {secret: google}},
     execution_project: {env: BILLED}, impersonate_service_account: other@p.iam,
     api_endpoint: "https://bq.example.internal"}
  bq-default: {adapter: bigquery, project: p, dataset: d, auth: {method: application_default}}
  bq-identity:
    {adapter: bigquery, project: p, dataset: d,
     auth: {method: workload_identity, credential_config: {secret: external}}}
  rs-password:
    {adapter: redshift, host: rs, user: u, database: d, schema: s, auth: {method: password, password: {secret: nasty}},
     sslmode: verify-full}
  rs-iam:
    {adapter: redshift, host: rs, user: u, database: d, schema: s,
     auth: {method: iam, region: eu-west-1, cluster_id: c, profile: p}}
  rs-serverless:
    {adapter: redshift, host: w.1.eu-west-1.redshift-serverless.amazonaws.com, user: u, database: d, schema: s,
     auth: {method: iam}}
  db-token:
    {adapter: databricks, host: h, http_path: /sql/1, catalog: main, schema: s,
     auth: {method: token, token: {secret: nasty}}}
  db-client:
    {adapter: databricks, host: h, http_path: /sql/1, catalog: main, schema: s,
     auth: {method: oauth, client_id: {env: CLIENT}, client_secret: {secret: nasty}}}
"""


def _key(passphrase: str | None = None) -> str:
    locked = ("-aes256", "-pass", f"pass:{passphrase}") if passphrase else ()
    done = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", *locked],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


@pytest.fixture(scope="module")
def said(runtime_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `read_profiles` says, by target; under ``home`` where it ran, and under ``secrets`` what was mounted."""
    home = tmp_path_factory.mktemp("profiles") / "home"
    secrets = {
        "nasty": NASTY,
        "nasty-line": NASTY.splitlines()[0],
        "user": "floe-user",
        "key": _key(),
        "locked-key": _key(NASTY.splitlines()[0]),
        "external": json.dumps({"type": "external_account", "audience": "a"}),
    }
    secrets["google"] = json.dumps(
        {"type": "service_account", "project_id": "p", "private_key_id": "id-c4n4ry", "private_key": secrets["key"],
         "client_email": "me@p.iam", "client_id": "1", "token_uri": "https://token.example.internal/"}
    )  # fmt: skip
    warehouses = lay_out(home, TARGETS, secrets)
    env = {**warehouses.environ, "PGHOST": "db", "PGUSER": "pg-user", "BILLED": "billed", "CLIENT": "client-id"}
    done = run_inside(runtime_python, [str(INSIDE / "read_profiles.py")], env=env, timeout=300)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {"home": home, "secrets": secrets, "stderr": done.stderr, **{line["target"]: line for line in lines}}


EXPECTED: dict[str, tuple[str, dict[str, Any]]] = {
    "duck": ("DuckDBCredentials", {"schema": "main", "config_options": {"autoinstall_known_extensions": "false"}}),
    "pg": ("PostgresCredentials", {"host": "db", "user": "pg-user", "password": NASTY, "database": "d", "port": 5432,
                                   "schema": "public", "sslmode": "require"}),
    "pg-trusted": ("PostgresCredentials", {"password": "", "sslmode": "prefer"}),
    "sf-password": ("SnowflakeCredentials", {"account": "acc", "user": "floe-user", "password": NASTY, "warehouse": "w",
                                             "role": "r", "host": "sf.example.internal"}),
    "sf-key": ("SnowflakeCredentials", {"user": "u", "private_key": "key"}),
    "sf-locked-key": ("SnowflakeCredentials", {"private_key": "locked-key", "private_key_passphrase": "nasty-line"}),
    "sf-token": ("SnowflakeCredentials", {"authenticator": "oauth", "token": NASTY}),
    "sf-refresh": ("SnowflakeCredentials", {"token": NASTY, "oauth_client_id": "client",
                                            "oauth_client_secret": "floe-user"}),
    "bq-key": ("BigQueryCredentials", {"method": "service-account-json", "database": "p", "schema": "d",
                                       "location": "EU", "execution_project": "billed",
                                       "impersonate_service_account": "other@p.iam",
                                       "api_endpoint": "https://bq.example.internal"}),
    "bq-default": ("BigQueryCredentials", {"method": "oauth", "execution_project": "p"}),
    "bq-identity": ("BigQueryCredentials", {"method": "oauth"}),
    "rs-password": ("RedshiftCredentials", {"method": "database", "password": NASTY, "port": 5439,
                                            "sslmode": "verify-full"}),
    "rs-iam": ("RedshiftCredentials", {"method": "iam", "user": "u", "cluster_id": "c", "region": "eu-west-1",
                                       "iam_profile": "p"}),
    "rs-serverless": ("RedshiftCredentials", {"method": "iam", "is_serverless": True}),
    "db-token": ("DatabricksCredentials", {"host": "h", "http_path": "/sql/1", "token": NASTY, "database": "main"}),
    "db-client": ("DatabricksCredentials", {"auth_type": "oauth", "client_id": "client-id", "client_secret": NASTY}),
}  # fmt: skip


@pytest.mark.parametrize("target", EXPECTED)
def test_the_adapter_takes_it_and_dbt_reads_the_project(said: dict[str, Any], target: str) -> None:
    kind, expected = EXPECTED[target]
    found = said[target]
    assert "error" not in found, found
    assert found["class"] == kind
    # Of a key pair, the file's text without its final line break, as `look_up` has it.
    wanted = {key: said["secrets"].get(value, value).rstrip("\n") if isinstance(value, str) else value
              for key, value in expected.items()}  # fmt: skip
    credentials = found["credentials"]
    for key, value in wanted.items():
        if isinstance(value, dict):
            assert value.items() <= credentials[key].items()
        else:
            assert credentials[key] == value, key
    assert found["threads"] == (3 if target == "sf-password" else 4)
    assert found["adapter"] == {"duck": "duckdb", "pg": "postgres", "sf": "snowflake", "bq": "bigquery",
                                "rs": "redshift", "db": "databricks"}[target.split("-")[0]]  # fmt: skip


def test_a_service_accounts_key_arrives_whole_and_without_a_file(said: dict[str, Any]) -> None:
    key = json.loads(said["secrets"]["google"])
    assert said["bq-key"]["credentials"]["keyfile_json"] == {
        name: key[name] for name in ("type", "private_key_id", "private_key", "client_email", "token_uri")
    }


def test_workload_identity_reads_the_mounted_file_and_asks_nobody_for_a_project(said: dict[str, Any]) -> None:
    assert said["bq-identity"]["environ"] == {
        "GOOGLE_APPLICATION_CREDENTIALS": str(said["home"] / "secrets" / "external"),
        "GOOGLE_CLOUD_PROJECT": "p",
    }


def test_databricks_is_told_to_send_no_telemetry(said: dict[str, Any]) -> None:
    assert said["db-token"]["credentials"]["connection_parameters"]["enable_telemetry"] is False


def test_no_secret_is_in_any_file_or_message(said: dict[str, Any]) -> None:
    files = [file for file in said["home"].rglob("*") if file.is_file() and file.parent.name != "secrets"]
    assert len(files) > 3
    for canary in ("c4n4ry", "floe-user", *said["secrets"]["key"].splitlines()[1:3]):
        assert canary not in said["stderr"]
        assert [file for file in files if canary.encode() in file.read_bytes()] == []
