"""An HTTPS server that writes down what arrives and answers as a test's own function says."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.support.mirror_tls import Tls


@dataclass(frozen=True, kw_only=True)
class Request:
    """``body`` is unpacked where it came compressed."""

    method: str
    host: str
    path: str
    headers: dict[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass(frozen=True, kw_only=True)
class Response:
    status: int = 200
    body: bytes = b""
    type: str = "application/json"

    @classmethod
    def of(cls, value: Any, *, status: int = 200) -> Response:
        return cls(status=status, body=json.dumps(value).encode())


@dataclass(frozen=True, kw_only=True)
class HttpsRecorder:
    port: int
    requests: list[Request]

    def to(self, host: str, path: str = "") -> list[Request]:
        return [each for each in self.requests if each.host == host and each.path.startswith(path)]


@contextmanager
def https_recorder(tls: Tls, answer: Callable[[Request], Response]) -> Iterator[HttpsRecorder]:
    requests: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self._body()
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            request = Request(
                method=self.command,
                host=self.headers.get("Host", "").split(":")[0],
                path=self.path,
                headers={name.lower(): value for name, value in self.headers.items()},
                body=body,
            )
            requests.append(request)
            response = answer(request)
            self.send_response(response.status)
            self.send_header("Content-Type", response.type)
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_any  # noqa: N815

        def log_message(self, *_words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = tls.context().wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield HttpsRecorder(port=server.server_address[1], requests=requests)
    finally:
        server.shutdown()
        server.server_close()


def relay(port: int, request: Request) -> Response:
    """The answer of a plain HTTP server of this machine."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {
        name: value
        for name, value in request.headers.items()
        if name not in ("content-encoding", "content-length", "transfer-encoding", "accept-encoding", "connection")
    }
    connection.request(request.method, request.path, body=request.body, headers=headers)
    found = connection.getresponse()
    body = found.read()
    return Response(status=found.status, body=body, type=found.getheader("Content-Type") or "text/plain")
