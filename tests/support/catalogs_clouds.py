"""The nearest things to Google's, Microsoft's and Amazon's services, on ports of the loopback, each with a place for
tables: fake-gcs-server, Azurite, and moto's server with Glue and S3."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.flights import ROOT
from tests.support.locked import file_lock
from tests.support.pinned import CACHE, pinned_environment
from tests.support.runtime import runtime_environment

BUCKET = "tables"
_CONTAINER = f"""
import sys
from azure.storage.blob import BlobServiceClient
BlobServiceClient.from_connection_string(sys.stdin.read()).create_container({BUCKET!r})
"""
_PATIENCE = 60  # seconds; a busy machine


@dataclass(frozen=True, kw_only=True)
class Azure:
    endpoint: str
    account: str
    key: str = field(repr=False)

    @property
    def connection(self) -> str:
        """https://learn.microsoft.com/en-us/azure/storage/common/storage-configure-connection-string"""
        account = f"AccountName={self.account};AccountKey={self.key}"
        return f"DefaultEndpointsProtocol=http;{account};BlobEndpoint={self.endpoint}"


def why_no_node() -> str | None:
    """One line where there is no Node.js, which Azurite runs on."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    return f"no {' and no '.join(missing)} on this machine (Debian's nodejs and npm)" if missing else None


@contextmanager
def google_storage(folder: Path) -> Iterator[str]:
    """Its address; it takes whoever comes."""
    bin_folder = pinned_environment("google-storage")
    (program,) = bin_folder.parent.glob("lib/*/site-packages/*/vendor/*/bin/fake-gcs-server-*")
    (folder / "seed" / BUCKET).mkdir(parents=True)
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    command = [str(program), "-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-port", str(port),
               "-external-url", address, "-data", str(folder / "seed")]  # fmt: skip
    with _running(command, folder, port):
        yield address


@contextmanager
def azure_storage(folder: Path) -> Iterator[Azure]:
    """An account of its own, which has the key."""
    port, account = _free_port(), "floetests"
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    program = _azurite() / "node_modules/azurite/dist/src/blob/main.js"
    command = ["node", str(program), "--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck", "--silent",
               "--blobHost", "127.0.0.1", "--blobPort", str(port)]  # fmt: skip
    with _running(command, folder, port, {"AZURITE_ACCOUNTS": f"{account}:{key}"}):
        azure = Azure(endpoint=f"http://127.0.0.1:{port}/{account}", account=account, key=key)
        made = subprocess.run(
            [str(runtime_environment()), "-c", _CONTAINER], input=azure.connection, text=True, capture_output=True
        )
        assert made.returncode == 0, made.stderr[-2000:]
        yield azure


@contextmanager
def amazon(folder: Path) -> Iterator[str]:
    """Its address, which is that of Glue and of S3; it takes every key."""
    port = _free_port()
    with _running([str(pinned_environment("moto") / "moto_server"), "-H", "127.0.0.1", "-p", str(port)], folder, port):
        address = f"http://127.0.0.1:{port}"
        request = urllib.request.Request(f"{address}/{BUCKET}", method="PUT")
        urllib.request.urlopen(request, timeout=30).close()
        yield address


def _azurite() -> Path:
    """Installed once and kept, each package by the hash in the lock."""
    pins = ROOT / "requirements" / "azurite"
    lock = (pins / "package-lock.json").read_bytes()
    assert all("integrity" in each for name, each in json.loads(lock)["packages"].items() if name)
    folder = CACHE / "azurite" / hashlib.sha256(lock).hexdigest()[:16]
    with file_lock(folder.with_suffix(".lock")):
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(pins, folder)
            command = ["npm", "ci", "--ignore-scripts", "--omit=dev", "--omit=optional", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr[-3000:]
            (folder / "ready").touch()
    return folder


@contextmanager
def _running(command: Sequence[str], folder: Path, port: int, settings: dict[str, str] | None = None) -> Iterator[None]:
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=folder, env={**os.environ, **(settings or {})})
    try:
        end = time.monotonic() + _PATIENCE
        while not _listens(port):
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < end, log.read_text()[-3000:]
            time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
