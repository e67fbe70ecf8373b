"""A Python and Debian package mirror for tests: TLS, basic authentication, a record of who asked what, faults on wish.

Paths: ``/simple/<project>/`` (PEP 503 and 691), ``/files/<project>/<sha256>/<name>``, ``/debian/…``,
``/debian-security/…``. Content: recorded (``mirror_upstream``), or wheels and sdists in given folders, which come
first.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import http.server
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from tests.support.mirror_tls import Tls
from tests.support.mirror_upstream import Recorded

_JSON = "application/vnd.pypi.simple.v1+json"


@dataclass(frozen=True, kw_only=True)
class Asked:
    path: str
    user: str  # "" where no credentials came
    status: int


@dataclass(kw_only=True)
class Fault:
    """What goes wrong with paths that ``pattern`` is found in, ``times`` times (None: always).

    ``kind``: truncate (half the body under the full length), wrong (one byte flipped), slow (2 s before the answer),
    hang-up (the connection ends without an answer), or a status code such as ``"500"``. ``change`` alters the body.
    """

    pattern: str
    kind: str = ""
    change: Callable[[bytes], bytes] | None = None
    times: int | None = None
    hits: int = 0


@dataclass(kw_only=True)
class Mirror:
    content: Recorded | None = None
    folders: tuple[Path, ...] = ()
    pool: dict[str, Path] = field(default_factory=dict)  # "debian/pool/…" → a file that takes precedence
    user: tuple[str, str] | None = None  # name, password
    hashes: bool = True  # False: pages name neither hash nor size
    asked: list[Asked] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    host: str = "127.0.0.1"
    port: int = 0
    tls: Tls | None = None

    @contextlib.contextmanager
    def serving(self, listener: socket.socket | None = None) -> Iterator[Mirror]:
        """Serve on ``listener`` (bound already, say in another network namespace) or on a free loopback port."""
        if listener is None:
            listener = socket.create_server((self.host, self.port))
        self.port = listener.getsockname()[1]
        server = _Server(("", 0), _Handler, bind_and_activate=False)
        server.socket.close()
        server.socket = (
            self.tls.context().wrap_socket(listener, server_side=True, do_handshake_on_connect=False)
            if self.tls
            else listener
        )
        server.mirror = self
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def url(self, path: str, *, credentials: bool = False) -> str:
        login = f"{quote(self.user[0], safe='')}:{quote(self.user[1], safe='')}@" if credentials and self.user else ""
        return f"{'https' if self.tls else 'http'}://{login}{self.host}:{self.port}/{path}"

    def fault(
        self, pattern: str, kind: str = "", *, times: int | None = None, change: Callable[[bytes], bytes] | None = None
    ) -> Fault:
        found = Fault(pattern=pattern, kind=kind, change=change, times=times)
        self.faults.append(found)
        return found

    def find(self, path: str, accept: str) -> tuple[str, bytes | Path] | None:
        """(content type, body) for a path without its leading slash."""
        first, _, rest = path.partition("/")
        if first == "simple" and rest.endswith("/"):
            return self._page(rest.strip("/"), accept)
        if first == "files" and rest.count("/") == 2:
            project, sha256, name = rest.split("/")
            found = self._local(project).get(name) or (self.content and self.content.file(project, sha256, name))
            return ("application/octet-stream", found) if found else None
        if path in self.pool:
            return "application/octet-stream", self.pool[path]
        if first in ("debian", "debian-security") and self.content and ".." not in rest:
            deb = self.content.debian(first, rest)
            return ("application/octet-stream", deb) if deb else None
        return None

    def _local(self, project: str) -> dict[str, Path]:
        found = [path for folder in self.folders for path in sorted(folder.iterdir())]
        return {path.name: path for path in found if _normalized(re.split(r"-\d", path.name)[0]) == project}

    def _page(self, project: str, accept: str) -> tuple[str, bytes] | None:
        files: list[dict[str, Any]] = []
        for name, path in self._local(project).items():
            body = path.read_bytes()
            files.append({"filename": name, "size": len(body), "hashes": {"sha256": hashlib.sha256(body).hexdigest()}})
        if not files:
            recorded = self.content.page(project) if self.content else None
            if recorded is None:
                return None
            files = [entry for entry in recorded["files"] if entry["hashes"].get("sha256")]
        answer = []
        for entry in files:
            url = f"../../files/{project}/{entry['hashes']['sha256']}/{quote(entry['filename'])}"
            kept = {key: value for key, value in entry.items() if key not in ("provenance", "url")}
            answer.append(
                {**kept, "url": url} if self.hashes else {"filename": entry["filename"], "url": url, "hashes": {}}
            )
        if "json" in accept:
            page = {"meta": {"api-version": "1.1"}, "name": project, "files": answer}
            page["versions"] = sorted({_version(entry["filename"]) for entry in answer})
            return _JSON, json.dumps(page).encode()
        links = "".join(_link(entry) for entry in answer)
        return "text/html", f"<!DOCTYPE html><html><body>{links}</body></html>".encode()


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _version(filename: str) -> str:
    return filename.removesuffix(".tar.gz").rsplit("-", 1)[-1] if filename.endswith(".gz") else filename.split("-")[1]


def _link(entry: dict[str, Any]) -> str:
    fragment = "".join(f"#sha256={value}" for key, value in entry["hashes"].items() if key == "sha256")
    wants = f' data-requires-python="{html.escape(entry["requires-python"])}"' if entry.get("requires-python") else ""
    return f'<a href="{entry["url"]}{fragment}"{wants}>{html.escape(entry["filename"])}</a><br>\n'


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    mirror: Mirror

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away (killed on purpose) is no fault of the mirror's."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 60

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        mirror, path = self.server.mirror, unquote(self.path).lstrip("/")
        user, allowed = self._login(mirror)
        fault = next(
            (f for f in mirror.faults if re.search(f.pattern, path) and (f.times is None or f.hits < f.times)), None
        )
        if fault:
            fault.hits += 1
        status = 200 if allowed else 401
        if fault and fault.kind.isdigit():
            status = int(fault.kind)
        found = mirror.find(path, self.headers.get("Accept", "")) if status == 200 else None
        status = 404 if status == 200 and found is None else status
        mirror.asked.append(Asked(path=path, user=user, status=status))
        if fault and fault.kind == "slow":
            time.sleep(2)
        if fault and fault.kind == "hang-up":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif found is None:
            self._answer(status, "text/plain", f"{status}\n".encode())
        else:
            self._send(found, fault)

    def _send(self, found: tuple[str, bytes | Path], fault: Fault | None) -> None:
        kind, source = found
        body = source if isinstance(source, bytes) else source.read_bytes()
        if fault and fault.change:
            body = fault.change(body)
        if fault and fault.kind == "wrong":
            middle = len(body) // 2
            body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
        if fault and fault.kind == "truncate":
            self._answer(200, kind, body, sent=len(body) // 2)
            self.close_connection = True
            return
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted and int(wanted[1]) < len(body):
            start, end = int(wanted[1]), min(int(wanted[2] or len(body) - 1), len(body) - 1)
            self._answer(206, kind, body[start : end + 1], extra={"Content-Range": f"bytes {start}-{end}/{len(body)}"})
        else:
            self._answer(200, kind, body)

    def _answer(
        self, status: int, kind: str, body: bytes, sent: int | None = None, extra: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="mirror"')
        for key, value in (extra or {}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:sent])

    def _login(self, mirror: Mirror) -> tuple[str, bool]:
        scheme, _, encoded = self.headers.get("Authorization", "").partition(" ")
        given = base64.b64decode(encoded).decode() if scheme.lower() == "basic" else ""
        return given.partition(":")[0], mirror.user is None or given == ":".join(mirror.user)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are in ``asked``."""
