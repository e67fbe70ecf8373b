"""Debian's docker-registry for tests: TLS with a private CA, basic or token authentication, filled over HTTP.

It is a real registry (https://github.com/distribution/distribution); ``scripts/outside/install.py`` unpacks it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

from floe_images.image.build import BuiltImage, build_index
from floe_images.image.digest import Digest
from tests.support.built import Blobs
from tests.support.mirror_tls import Tls
from tests.support.outside import tool

USER, PASSWORD = "reader", "reader-pässword"
# bcrypt, the one kind that docker-registry reads: perl -e 'print crypt("reader-pässword", q($2y$05$abc…))'
_HTPASSWD = f"{USER}:$2y$05$abcdefghijklmnopqrstuuW5NuOFix.DLSFaCFSt2jI3YKab.e4TO\n"
_PATIENCE = 30


@dataclass(frozen=True, kw_only=True)
class Registry:
    """``host`` is ``127.0.0.1:port``; ``folder`` holds its blobs and its log."""

    host: str
    folder: Path
    tls: Tls | None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}"

    def put_blob(self, repository: str, data: bytes) -> Digest:
        digest = Digest.of(data)
        begun = self._ask("POST", f"{self.url}/v2/{repository}/blobs/uploads/", b"", {})
        place = urljoin(self.url, begun.headers["Location"])
        self._ask("PUT", f"{place}&digest={digest}", data, {"Content-Type": "application/octet-stream"})
        return digest

    def put_manifest(self, repository: str, name: str, data: bytes, kind: str) -> Digest:
        self._ask("PUT", f"{self.url}/v2/{repository}/manifests/{name}", data, {"Content-Type": kind})
        return Digest.of(data)

    def push(self, repository: str, tag: str, blobs: Blobs, *images: BuiltImage) -> Digest:
        """Images of several platforms under one index; the index's digest."""
        for image in images:
            for layer in image.layers:
                self.put_blob(repository, blobs.path(Digest.parse(layer.digest)).read_bytes())
            self.put_blob(repository, image.config)
            self.put_manifest(repository, image.manifest_digest, image.manifest, image.media_type)
        index = build_index(images)
        return self.put_manifest(repository, tag, index, json.loads(index)["mediaType"])

    def remove_blob(self, digest: str) -> None:
        """Its bytes go from the registry's disk; manifests go on naming it."""
        (found,) = self.folder.rglob(digest.removeprefix("sha256:") + "/data")
        found.unlink()

    def asked(self) -> list[dict[str, Any]]:
        """The requests that it has logged."""
        lines = (self.folder / "log").read_text().splitlines()
        rows = [json.loads(line) for line in lines if line.startswith("{")]
        return [row for row in rows if "http.request.method" in row and row.get("msg") == "response completed"]

    def _ask(self, method: str, url: str, data: bytes, headers: Mapping[str, str]) -> requests.Response:
        verify: bool | str = str(self.tls.authority) if self.tls else True
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                method, url, data=data, headers={**self.headers, **headers}, verify=verify, timeout=30
            )
        assert answer.status_code < 300, f"{method} {url}: {answer.status_code} {answer.text}"
        return answer


@contextlib.contextmanager
def registry_server(
    folder: Path, *, tls: Tls | None = None, login: bool = False, token: Mapping[str, str] | None = None
) -> Iterator[Registry]:
    """``login`` asks for ``USER`` and ``PASSWORD``; ``token`` is docker-registry's own ``auth.token`` section."""
    folder.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    host = f"127.0.0.1:{port}"
    settings: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "info", "formatter": "json"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": host},
    }
    headers = {}
    if tls:
        settings["http"]["tls"] = {"certificate": str(tls.certificate), "key": str(tls.key)}
    if login:
        (folder / "htpasswd").write_text(_HTPASSWD)
        settings["auth"] = {"htpasswd": {"realm": "floe, tests", "path": str(folder / "htpasswd")}}
        headers["Authorization"] = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    if token:
        settings["auth"] = {"token": dict(token)}
    (folder / "config.yml").write_text(json.dumps(settings))
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen(
            [tool("docker-registry"), "serve", str(folder / "config.yml")], stdout=log, stderr=log
        )
    try:
        _wait(server, port, folder / "log")
        yield Registry(host=host, folder=folder, tls=tls, headers=headers)
    finally:
        server.terminate()
        server.wait(_PATIENCE)


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError(f"docker-registry does not answer: {log.read_text()}")
