"""The double as a container: ports and settings of Polaris' own image, as floe gives them to it, and no other.

What the real server would trip over ends it with one line: a setting that nobody knows, a file that is not there, a
database that does not answer. Its first line in the log, its title and each of its answers say that it is a double.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.polaris.server import LABEL, Double
from tests.support.polaris.state import State

_KNOWN = {
    "polaris.authentication.token-broker.symmetric-key.file",
    "polaris.authentication.token-broker.type",
    "polaris.bootstrap.credentials",
    'polaris.features."SUPPORTED_CATALOG_STORAGE_TYPES"',
    "polaris.persistence.auto-bootstrap-types",
    "polaris.persistence.type",
    "polaris.realm-context.realms",
    "quarkus.datasource.jdbc.url",
    "quarkus.datasource.password",
    "quarkus.datasource.username",
    "quarkus.log.file.enabled",
}


def main() -> None:
    _say(f"{LABEL}: no tables, and nothing of it is kept")
    settings = read_settings(Path(os.environ["SMALLRYE_CONFIG_LOCATIONS"]).read_text())
    realm, client_id, secret = settings["polaris.bootstrap.credentials"].split(",")
    store = settings["polaris.persistence.type"]
    _check(settings, os.environ, realm)
    state = State(store=store, version=(1, 8, 0), file_storage=False)  # type: ignore[arg-type]
    api = Double(
        ("0.0.0.0", 8181),
        state,
        root=(client_id, secret),
        realm=realm,
        authentication="oauth2",
        controls=False,
    )
    threading.Thread(target=ThreadingHTTPServer(("127.0.0.1", 8182), _Ready).serve_forever, daemon=True).start()
    _say(f"{LABEL}: {store}, listening on 8181")
    api.serve_forever()


def read_settings(text: str) -> dict[str, str]:
    """Raise SystemExit for a line that is no setting of ours."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if not equals or name not in _KNOWN or name in found or re.search(r"[\\$\s]", value):
            raise SystemExit(f"{LABEL}: unknown or broken setting {name}")
        found[name] = value
    return found


def _check(settings: Mapping[str, str], environ: Mapping[str, str], realm: str) -> None:
    _fail_unless(settings["polaris.realm-context.realms"] == realm, "the realm is not the bootstrapped one")
    broker = "polaris.authentication.token-broker"
    _fail_unless(settings[f"{broker}.type"] == "symmetric-key", "tokens would be void after a restart")
    _fail_unless(len(Path(settings[f"{broker}.symmetric-key.file"]).read_text()) > 32, "the token key is short")
    begun = settings["polaris.persistence.auto-bootstrap-types"].split(",")
    _fail_unless(settings["polaris.persistence.type"] in begun, "the realm would not be bootstrapped")
    _fail_unless(not [name for name in environ if "PASSWORD" in name or "SECRET" in name], "a secret as a variable")
    _fail_unless(os.getuid() != 0, "it is root")
    if "AWS_SHARED_CREDENTIALS_FILE" in environ:
        keys = Path(environ["AWS_SHARED_CREDENTIALS_FILE"]).read_text()
        _fail_unless("aws_access_key_id" in keys and "aws_secret_access_key" in keys, "no key pair for S3")
    if settings["polaris.persistence.type"] == "relational-jdbc":
        found = re.fullmatch(r"jdbc:postgresql://([\w.-]+):(\d+)/(\w+)", settings["quarkus.datasource.jdbc.url"])
        _fail_unless(found is not None, "no address of a database")
        assert found is not None
        with socket.create_connection((found[1], int(found[2])), timeout=10):
            _say(f"{LABEL}: the database answers")


def _fail_unless(sound: bool, why: str) -> None:
    if not sound:
        raise SystemExit(f"{LABEL}: {why}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class _Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        sound = self.path == "/q/health/ready"
        body = b'{"status":"UP"}' if sound else b""
        self.send_response(200 if sound else 404)
        self.send_header("X-Polaris-Double", LABEL)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent: it is asked every few seconds."""


if __name__ == "__main__":
    main()
