"""A workspace of Databricks' that writes down what arrives: its SQL service, its tokens, and nothing else."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.flights import ROOT
from tests.support.https_recorder import HttpsRecorder, Request, Response, https_recorder, relay
from tests.support.mirror_tls import Tls

_SERVICE = ROOT / "tests" / "runtime" / "inside" / "thrift_recorder.py"


@dataclass(frozen=True, kw_only=True)
class DatabricksRecorder:
    """``statements`` in the order of their arrival; it answers each with no rows, and a test with no failures."""

    https: HttpsRecorder
    statements: list[str]


@contextmanager
def databricks_recorder(python: Path, tls: Tls, host: str) -> Iterator[DatabricksRecorder]:
    """``python`` has databricks-sql-connector, whose definition of the protocol is used."""
    statements: list[str] = []
    process = subprocess.Popen([str(python), str(_SERVICE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    port = json.loads(process.stdout.readline())["port"]

    def listen() -> None:
        assert process.stdout
        statements.extend(json.loads(line)["statement"] for line in process.stdout)

    thread = threading.Thread(target=listen)
    thread.start()

    def answer(request: Request) -> Response:
        if request.path == "/.well-known/databricks-config":
            return Response.of({"oidc_endpoint": f"https://{host}/oidc"})
        if request.path.startswith("/oidc/.well-known/"):
            base = f"https://{host}/oidc/v1"
            return Response.of({"authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/token"})
        if request.path == "/oidc/v1/token":
            return Response.of({"access_token": "token-of-client", "token_type": "Bearer", "expires_in": 3600})
        if request.path.startswith("/sql/"):
            return relay(port, request)
        return Response.of({"error_code": "ENDPOINT_NOT_FOUND", "message": "nothing there"}, status=404)

    try:
        with https_recorder(tls, answer) as https:
            yield DatabricksRecorder(https=https, statements=statements)
    finally:
        process.kill()
        process.wait()
        thread.join()
