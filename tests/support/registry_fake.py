"""A registry on loopback that answers as a test says: what no honest registry does, and a record of what was asked."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from floe_images.image.digest import Digest
from floe_images.image.platform import Platform
from floe_images.image.words import CONFIG, INDEX, LAYER_GZIP, MANIFEST, canonical_json
from tests.support.built import AMD64, ARM64
from tests.support.mirror_tls import Tls


@dataclass(frozen=True, kw_only=True)
class Asked:
    """``headers`` by lower-case name; ``form`` of a POST."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    form: Mapping[str, str]

    @property
    def authorization(self) -> str:
        return self.headers.get("authorization", "")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """``length`` is what Content-Length says, where it is not the truth; ``endless`` repeats the body for ever;
    ``hold`` keeps the connection open for so many seconds after the body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    endless: bool = False
    hold: float = 0

    @classmethod
    def json(cls, value: Any, kind: str = "application/json", status: int = 200) -> Answer:
        return cls(status=status, body=json.dumps(value).encode(), headers={"Content-Type": kind})

    @classmethod
    def redirect(cls, to: str) -> Answer:
        return cls(status=307, headers={"Location": to})


@dataclass(kw_only=True)
class FakeRegistry:
    """``content`` holds answers by path; ``rule`` is asked before, and may answer None."""

    content: dict[str, Answer] = field(default_factory=dict)
    rule: Callable[[Asked], Answer | None] = lambda _: None
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    tls: Tls | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}"

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def put(self, repository: str, name: str, data: bytes, kind: str) -> Digest:
        digest = Digest.of(data)
        for each in (name, digest):
            self.content[f"/v2/{repository}/manifests/{each}"] = Answer(body=data, headers={"Content-Type": kind})
        return digest

    def put_blob(self, repository: str, data: bytes) -> Digest:
        digest = Digest.of(data)
        self.content[f"/v2/{repository}/blobs/{digest}"] = Answer(
            body=data, headers={"Content-Type": "application/octet-stream"}
        )
        return digest

    def put_image(
        self,
        repository: str,
        *,
        platform: Platform = AMD64,
        says: Platform | None = None,
        layers: Sequence[tuple[bytes, str]] = ((b"one layer", LAYER_GZIP),),
        kind: str = MANIFEST,
    ) -> dict[str, Any]:
        """Its descriptor. ``says`` is what the config says of itself; ``layers`` are (bytes, media type)."""
        told = says or platform
        config = canonical_json(
            {
                "architecture": told.architecture,
                "os": told.os,
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": [Digest.of(data) for data, _ in layers]},
            }
        )
        document = {
            "schemaVersion": 2,
            "mediaType": kind,
            "config": {"mediaType": CONFIG, "digest": self.put_blob(repository, config), "size": len(config)},
            "layers": [
                {"mediaType": layer, "digest": self.put_blob(repository, data), "size": len(data)}
                for data, layer in layers
            ],
        }
        data = canonical_json(document)
        digest = self.put(repository, "untagged", data, kind)
        return {
            "mediaType": kind,
            "digest": digest,
            "size": len(data),
            "platform": {"os": platform.os, "architecture": platform.architecture},
        }

    def put_index(self, repository: str, tag: str, *entries: Mapping[str, Any], kind: str = INDEX) -> Digest:
        data = canonical_json({"schemaVersion": 2, "mediaType": kind, "manifests": list(entries)})
        return self.put(repository, tag, data, kind)

    def put_both(self, repository: str = "team/say", tag: str = "1.0", **settings: Any) -> Digest:
        """An image for both platforms; the index's digest."""
        entries = (self.put_image(repository, platform=platform, **settings) for platform in (AMD64, ARM64))
        return self.put_index(repository, tag, *entries)

    @contextlib.contextmanager
    def serving(self) -> Iterator[FakeRegistry]:
        server = _Server(("127.0.0.1", 0), _Handler)
        server.registry = self
        self.port = server.server_address[1]
        if self.tls:
            server.socket = self.tls.context().wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    registry: FakeRegistry

    def handle_error(self, *_: object) -> None:
        """A client that hangs up, as those that are lied to do."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(
            method=self.command,
            path=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            form={name: values[0] for name, values in parse_qs(body.decode()).items()},
        )
        registry = self.server.registry
        registry.asked.append(asked)
        found = registry.rule(asked) or registry.content.get(self.path.partition("?")[0]) or Answer(status=404)
        self._send(found, asked.headers.get("range", ""))

    def _send(self, found: Answer, wanted: str) -> None:
        body, status, headers = found.body, found.status, dict(found.headers)
        if wanted.startswith("bytes=") and status == 200:
            start = int(wanted[6:].rstrip("-"))
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            body, status = body[start:], 206
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if found.endless:
            self.end_headers()
            self.close_connection = True
            while True:
                self.wfile.write(body)
        self.send_header("Content-Length", str(len(body) if found.length is None else found.length))
        self.end_headers()
        self.wfile.write(body)
        time.sleep(found.hold)
        self.close_connection = found.length is not None

    do_GET = do_POST = do_HEAD = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass
