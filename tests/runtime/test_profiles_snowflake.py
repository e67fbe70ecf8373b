"""Snowflake's driver with floe's profiles against fakesnow's server, behind TLS of a private authority."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

from tests.support.fakesnow import fakesnow_port as fakesnow_port
from tests.support.https_recorder import Request, Response, https_recorder, relay
from tests.support.mirror_tls import make_tls
from tests.support.warehouses import BUILD, CONNECT, lay_out, run_targets

HOST = "acc.example.internal"
TARGETS = """\
  password:
    {adapter: snowflake, account: acc, host: acc.example.internal, user: floe, warehouse: w, database: six, schema: one,
     auth: {method: password, password: {secret: password}}}
  pair:
    {adapter: snowflake, account: acc, host: acc.example.internal, user: floe, warehouse: w, database: six, schema: two,
     auth: {method: key_pair, private_key: {secret: key}, passphrase: {secret: passphrase}}}
  refresh:
    {adapter: snowflake, account: acc, host: acc.example.internal, user: floe, warehouse: w, database: six, schema: six,
     auth: {method: oauth, token: {secret: token}, client_id: client, client_secret: {secret: client}}}
"""
PASSWORD = "p\"a'ss {{ word }} \\ \nand more"


def _pair(passphrase: str) -> tuple[str, str]:
    """An encrypted private key, and the public one."""
    new = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-aes256"]
    key = subprocess.run([*new, "-pass", f"pass:{passphrase}"], capture_output=True, text=True, check=True).stdout
    public = ["openssl", "pkey", "-pubout", "-passin", f"pass:{passphrase}"]
    return key, subprocess.run(public, input=key, capture_output=True, text=True, check=True).stdout


def _signed_with(public: str, token: str, folder: Path) -> bool:
    """Whether RS256 of the JSON Web Token is by the private key of ``public`` (RFC 7515)."""
    signed, _, signature = token.rpartition(".")
    (folder / "public.pem").write_text(public)
    (folder / "signature").write_bytes(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)))
    verify = ["openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature"]
    return subprocess.run(verify, input=signed.encode(), cwd=folder, capture_output=True).returncode == 0


def test_three_ways_to_log_in_and_a_table_made(runtime_python: Path, tmp_path: Path, fakesnow_port: int) -> None:
    key, public = _pair("open sesame")
    secrets = {
        "password": PASSWORD,
        "key": key,
        "passphrase": "open sesame",
        "token": "refresh-token",
        "client": "client-secret",
    }
    warehouses = lay_out(tmp_path / "home", TARGETS, secrets)
    tls = make_tls(tmp_path / "tls", HOST)

    def answer(request: Request) -> Response:
        if request.path == "/oauth/token-request":
            return Response.of({"access_token": "access-token", "expires_in": 600})
        return relay(fakesnow_port, request)

    with https_recorder(tls, answer) as recorder:
        done = run_targets(
            runtime_python,
            warehouses,
            commands={"password": BUILD, "pair": CONNECT, "refresh": CONNECT},
            ports={HOST: recorder.port},
            environ={"SSL_CERT_FILE": str(tls.authority)},
        )
    assert done.codes == {"password": 0, "pair": 0, "refresh": 0}, done.said
    assert "PASS=3" in done.said  # the table and its two tests
    logins = [each.json()["data"] for each in recorder.to(HOST, "/session/v1/login-request")]
    by_kind: dict[str, dict[str, Any]] = {login.get("AUTHENTICATOR", "password"): login for login in logins}
    assert set(by_kind) == {"password", "SNOWFLAKE_JWT", "OAUTH"}
    assert {login["PASSWORD"] for login in logins if "PASSWORD" in login} == {PASSWORD}
    assert _signed_with(public, by_kind["SNOWFLAKE_JWT"]["TOKEN"], tmp_path)
    assert by_kind["OAUTH"]["TOKEN"] == "access-token"
    for login in logins:
        assert login["SESSION_PARAMETERS"]["CLIENT_TELEMETRY_ENABLED"] is False
    (exchange, *_) = recorder.to(HOST, "/oauth/token-request")
    assert exchange.form()["refresh_token"] == "refresh-token"
    assert base64.b64decode(exchange.headers["authorization"].split()[1]) == b"client:client-secret"
    made = [each.json()["sqlText"] for each in recorder.to(HOST, "/queries/v1/query-request")]
    assert [sql for sql in made if "create or replace" in sql.lower() and "six.one.one" in sql.lower()]
    # Nobody else was spoken to, no telemetry was sent, and no secret or token was written to a file.
    assert done.names() == {HOST}
    assert done.addresses() == {"127.0.0.1"}
    assert not [each.path for each in recorder.requests if "telemetry" in each.path]
    files = [each for each in (tmp_path / "home").rglob("*") if each.is_file() and each.parent.name != "secrets"]
    canaries = ("and more", "sesame", "refresh-token", "client-secret", "access-token", key.splitlines()[2])
    for canary in canaries:
        assert [file for file in files if canary.encode() in file.read_bytes()] == []
        assert canary not in done.said
        assert json.dumps(canary)[1:-1] not in done.said
