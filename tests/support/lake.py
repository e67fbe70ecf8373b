"""A real lake for tests: SeaweedFS, an S3 store and an Iceberg REST catalog with OAuth2, on ports of the loopback."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.pinned import pinned_environment

_ACCOUNT = "000000000000"
_PATIENCE = 60  # seconds; a busy machine


@dataclass(frozen=True, kw_only=True)
class Lake:
    """``key`` and ``secret`` are S3's key pair and, as ``KEY:SECRET``, the catalog's OAuth2 credential."""

    s3: str
    catalog: str
    key: str
    secret: str = field(repr=False)
    warehouse: str = "lake"

    @property
    def properties(self) -> dict[str, str]:
        """PyIceberg's, for a client that has nothing of floe's."""
        return {
            "type": "rest",
            "uri": self.catalog,
            "warehouse": self.warehouse,
            "credential": f"{self.key}:{self.secret}",
            "oauth2-server-uri": f"{self.catalog}/v1/oauth/tokens",
            "header.X-Iceberg-Access-Delegation": "",
            "s3.endpoint": self.s3,
            "s3.region": "us-east-1",
            "s3.access-key-id": self.key,
            "s3.secret-access-key": self.secret,
        }

    def attach(self, name: str) -> list[str]:
        """SQL for a DuckDB with the extensions, which makes the warehouse the database ``name``."""
        return [
            f"create secret one (type iceberg, client_id '{self.key}', client_secret '{self.secret}', "
            f"oauth2_server_uri '{self.catalog}/v1/oauth/tokens')",
            f"create secret two (type s3, key_id '{self.key}', secret '{self.secret}', use_ssl false, "
            f"endpoint '{self.s3.removeprefix('http://')}', url_style 'path', region 'us-east-1')",
            f"attach '{self.warehouse}' as {name} (type iceberg, endpoint '{self.catalog}', secret one, "
            "access_delegation_mode 'none')",
        ]


@pytest.fixture(scope="session")
def lake() -> Iterator[Lake]:
    """One for the session; never skips."""
    with tempfile.TemporaryDirectory(prefix="floe-lake-") as folder, lake_server(Path(folder)) as server:
        yield server


@contextmanager
def lake_server(folder: Path) -> Iterator[Lake]:
    """A server of one's own, with its data in ``folder`` and one warehouse."""
    weed = str(pinned_environment("lake") / "weed")
    master, volume, filer, s3, catalog = _ports(5)
    key, secret = secrets.token_hex(10), secrets.token_hex(20)
    identity = {
        "name": "floe",
        "account": {"id": _ACCOUNT},
        "credentials": [{"accessKey": key, "secretKey": secret}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "identities.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "data").mkdir()
    command = [
        weed, "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-master.port={master}",
        f"-volume.port={volume}", f"-filer.port={filer}", "-s3", f"-s3.port={s3}", f"-s3.port.iceberg={catalog}",
        "-s3.port.lance=0", f"-s3.config={folder / 'identities.json'}", "-master.telemetry=false", "-volume.max=0",
        "-master.volumeSizeLimitMB=64", "-volume.minFreeSpace=1", "-volume.preStopSeconds=1",
    ]  # fmt: skip
    log = folder / "weed.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=folder)
    with ExitStack() as stack:
        stack.callback(process.wait)
        stack.callback(process.kill)
        for port in (s3, catalog):
            _listens(process, port, log)
        _make_bucket(weed, master, log)
        yield Lake(s3=f"http://127.0.0.1:{s3}", catalog=f"http://127.0.0.1:{catalog}", key=key, secret=secret)


def _make_bucket(weed: str, master: int, log: Path) -> None:
    order = f"s3tables.bucket -create -name lake -account {_ACCOUNT}\n"
    end = time.monotonic() + _PATIENCE
    while True:
        done = subprocess.run(
            [weed, "shell", f"-master=127.0.0.1:{master}"], input=order, capture_output=True, text=True, timeout=60
        )
        said = done.stdout + done.stderr
        if "error" not in said.lower() or "exists" in said:
            return
        assert time.monotonic() < end, f"{said}\n{log.read_text()[-2000:]}"
        time.sleep(0.5)


def _listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"nothing listens on {port}: {log.read_text()[-3000:]}")


def _ports(count: int) -> list[int]:
    """Free ones, below those that the system gives out, whose gRPC sisters 10000 above are free as well."""
    found: list[int] = []
    while len(found) < count:
        port = 12_000 + secrets.randbelow(10_000)
        with socket.socket() as one, socket.socket() as sister:
            try:
                one.bind(("127.0.0.1", port))
                sister.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found
