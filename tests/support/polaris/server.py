"""The double over HTTP: one request at a time changes the state, as a transaction would."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from tests.support.polaris import iceberg, models, routes
from tests.support.polaris.answers import API, SEEN, Answer, Refusal, empty, error
from tests.support.polaris.faults import Fault, Faults
from tests.support.polaris.oauth import Tokens
from tests.support.polaris.state import State

LABEL = "a double of Apache Polaris for tests"
_CONTROLS = "/double/"


class Double(ThreadingHTTPServer):
    """``root`` is a client id and a secret, ``realm`` the only realm; with ``authentication`` none all are root."""

    daemon_threads = True

    def __init__(
        self,
        address: tuple[str, int],
        state: State,
        *,
        root: tuple[str, str],
        realm: str,
        authentication: str,
        controls: bool,
    ) -> None:
        super().__init__(address, _Handler)
        self.state = state
        self.root = root
        self.realm = realm
        self.authentication = authentication
        self.controls = controls
        self.tokens = Tokens()
        self.lock = threading.Lock()
        self.begin()

    def begin(self) -> None:
        """With nothing but root."""
        self.faults = Faults()
        self.seen: list[str] = []  # "PUT /api/…": every request that was carried out
        self.state.clear()
        self.state.bootstrap(*self.root)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "polaris-double"
    server: Double
    methods: ClassVar = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_") and name[3:] in self.methods:
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: a request's line may name what is secret."""

    def _serve(self) -> None:
        path = urlsplit(self.path).path
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.controls and path.startswith(_CONTROLS):
            self._send(self._control(path, body))
            return
        fault = self.server.faults.hit(self.command, path)
        if fault is not None and not fault.after:
            self._break(fault)
            return
        answer = self._answer(path, body)
        if fault is not None:
            self._break(fault)
            return
        self._send(answer)

    def _answer(self, path: str, body: bytes) -> Answer:
        try:
            with self.server.lock:
                answer = self._find_answer(path, body)
                if answer.model is not None:
                    models.check_answer(answer.model, answer.body)
                self.server.seen.append(f"{self.command} {path}")
                # What is answered must not change any more while it is sent.
                return Answer(
                    status=answer.status,
                    body=json.loads(json.dumps(answer.body)),
                    source=answer.source,
                    headers=answer.headers,
                )
        except Refusal as refusal:
            self.server.seen.append(f"{self.command} {path} {refusal.answer.status}")
            return refusal.answer
        except AssertionError as fault:
            return error(500, "DoubleIsWrong", str(fault), source=API).answer

    def _find_answer(self, path: str, body: bytes) -> Answer:
        state = self.server.state
        if self.headers.get("Polaris-Realm", self.server.realm) != self.server.realm:
            raise empty(404)
        if path == routes.TOKENS:
            if self.command != "POST":
                raise empty(405)
            return self.server.tokens.grant(
                state,
                content_type=self.headers.get("Content-Type", ""),
                body=body,
                authorization=self.headers.get("Authorization"),
            )
        route = None if path == routes.CONFIG else routes.find(self.command, path)
        if self.server.authentication == "none":
            who = ("root", state.principals["root"])
        else:
            who = self.server.tokens.bearer(state, self.headers.get("Authorization"))
        if route is None:
            return iceberg.config(state, parse_qs(urlsplit(self.path).query).get("warehouse", [None])[0])
        return routes.run(*route, state=state, who=who, body=_document(body) if route[0].body else None)

    def _control(self, path: str, body: bytes) -> Answer:
        if path == "/double/faults":
            self.server.faults.ask_for(json.loads(body))
            return Answer(status=204, source=API)
        if path == "/double/reset":
            with self.server.lock:
                self.server.begin()
            return Answer(status=204, source=API)
        if path == "/double/requests":
            return Answer(status=200, body=self.server.seen, source=API)
        raise AssertionError(f"the double has no control {path}")

    def _break(self, fault: Fault) -> None:
        self.server.seen.append(f"{self.command} {urlsplit(self.path).path} fault")
        if fault.how == "hang":
            self.connection.settimeout(600)
            while self.connection.recv(4096):
                time.sleep(0.01)
        if isinstance(fault.how, int):
            headers = (("Retry-After", str(fault.retry_after)),) if fault.retry_after is not None else ()
            answer = error(fault.how, "Thrown", "thrown in on wish", source=API).answer
            self._send(Answer(status=answer.status, body=answer.body, source=API, headers=headers))
            return
        self.close_connection = True

    def _send(self, answer: Answer) -> None:
        data = b"" if answer.body is None else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("X-Polaris-Double", LABEL)
        self.send_header("X-Answer-From", answer.source)
        for name, value in answer.headers:
            self.send_header(name, value)
        if answer.body is not None:
            self.send_header("Content-Type", "application/json")
        if answer.status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _document(body: bytes) -> Any:
    if not body:
        raise error(500, "NullPointerException", "the body is null")
    try:
        return json.loads(body)
    except ValueError:
        raise empty(400, source=SEEN) from None
