"""A small collector for tests: OTLP over gRPC and HTTP, OpenLineage over HTTP. Run with a runtime environment's Python.

Prints its ports as a line of JSON; when its stdin closes, prints everything it got, decoded, and ends. Its arguments:
how it behaves, which is ok, slow (a second an answer), 500, silent (never answers), wrong (an HTML page), refuse
(400) or partial (takes all but two items); the HTTP port and the gRPC port, 0 for any; for TLS, a certificate and its
key.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import threading
import time
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

_REQUESTS = {
    "/v1/traces": traces.ExportTraceServiceRequest,
    "/v1/metrics": metrics.ExportMetricsServiceRequest,
    "/v1/logs": logs.ExportLogsServiceRequest,
}
_SERVICES = {"Trace": "/v1/traces", "Metrics": "/v1/metrics", "Logs": "/v1/logs"}
_PARTIAL = traces.ExportTraceServiceResponse(
    partial_success=traces.ExportTracePartialSuccess(rejected_spans=2, error_message="two are too old")
).SerializeToString()
_got: list[dict[str, Any]] = []
_lock = threading.Lock()


def _record(path: str, headers: dict[str, str], body: bytes) -> None:
    kind = _REQUESTS.get(path)
    content = MessageToDict(kind.FromString(body)) if kind else json.loads(body)
    with _lock:
        _got.append({"path": path, "headers": headers, "content": content})


class _Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mode = "ok"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.mode == "silent":
            time.sleep(600)
        if self.mode == "slow":
            time.sleep(1)
        status, answer = {"500": (500, b""), "refuse": (400, b""), "wrong": (200, b"<html>login</html>")}.get(
            self.mode, (200, b"")
        )
        if self.mode == "partial":
            answer = _PARTIAL
        if status == 200 and self.mode != "wrong":
            _record(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Silent."""


class _Grpc(grpc.GenericRpcHandler):
    def __init__(self, mode: str) -> None:
        self._mode = mode

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        path = _SERVICES[details.method.split(".v1.")[1].removesuffix("Service/Export")]
        headers = {str(item.key): str(item.value) for item in details.invocation_metadata}

        def answer(body: bytes, context: grpc.ServicerContext) -> bytes:
            if self._mode == "silent":
                time.sleep(600)
            if self._mode == "slow":
                time.sleep(1)
            if self._mode == "500":
                context.abort(grpc.StatusCode.INTERNAL, "no")
            if self._mode == "refuse":
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no")
            _record(path, headers, body)
            return _PARTIAL if self._mode == "partial" else b""

        return grpc.unary_unary_rpc_method_handler(answer)


def main() -> None:
    mode, http_port, grpc_port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    certificate, key = (Path(each) for each in sys.argv[4:6]) if len(sys.argv) > 4 else (None, None)
    _Http.mode = mode
    http = ThreadingHTTPServer(("127.0.0.1", http_port), _Http)
    if certificate and key:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        http.socket = context.wrap_socket(http.socket, server_side=True)
    http.daemon_threads = True
    threading.Thread(target=http.serve_forever, daemon=True).start()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((_Grpc(mode),))
    where = f"127.0.0.1:{grpc_port}"
    if certificate and key:
        pair = grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
        port = server.add_secure_port(where, pair)
    else:
        port = server.add_insecure_port(where)
    server.start()
    print(json.dumps({"http": http.server_port, "grpc": port}), flush=True)
    sys.stdin.read()
    with _lock:
        sys.stdout.write(json.dumps(_got))
        sys.stdout.flush()
    os._exit(0)  # threads that never answer are still there


if __name__ == "__main__":
    main()
