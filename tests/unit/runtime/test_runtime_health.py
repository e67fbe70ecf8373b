"""The quick check asks the servers of its container, and says which does not answer and why."""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from floe_images.runtime.check import check
from floe_images.runtime.roles.health import Note, ask, begin_notes, leave_note, reachable, read_notes


class _Answer(http.server.BaseHTTPRequestHandler):
    code = 200
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(self.code)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None: ...


@pytest.fixture
def web() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), _Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _note(kind: str, address: str, *, pid: int = 0, within: int = 0) -> Note:
    return Note(role="webserver", pid=pid or os.getpid(), kind=kind, address=address, within=within)  # type: ignore[arg-type]


def test_a_webserver_that_answers_is_named(inside: dict[str, str], tmp_path: Path, web: str) -> None:
    leave_note(tmp_path / "scratch", _note("http", web))
    assert check(quick=True, environ=inside) == (True, "ok: flights, target dev, webserver serves")
    assert _Answer.asked[-1] == "/server_info"
    begin_notes(tmp_path / "scratch", "daemon")
    assert check(quick=True, environ=inside) == (False, "not able to work: the daemon is starting")


def test_one_that_answers_with_an_error(monkeypatch: pytest.MonkeyPatch, web: str) -> None:
    monkeypatch.setattr(_Answer, "code", 500)
    assert list(ask((_note("http", web),))) == ["the webserver does not answer: HTTP/1.0 500 Internal Server Error"]


def test_one_that_nobody_is_behind(inside: dict[str, str], tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        leave_note(tmp_path / "scratch", _note("http", f"127.0.0.1:{free.getsockname()[1]}"))
        well, line = check(quick=True, environ=inside)
    assert (well, line) == (False, "not able to work: the webserver does not answer: Connection refused")


def test_one_whose_process_is_gone(web: str) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert list(ask((_note("http", web, pid=ended.pid),))) == ["the webserver has ended"]


def test_a_heartbeat_is_old_or_says_what_is_wrong(tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    note = _note("beat", str(beat), within=60)
    beat.write_text("")
    assert list(ask((note,))) == []
    beat.write_text("no heartbeat of sensor")
    assert list(ask((note,))) == ["the webserver does not answer: no heartbeat of sensor"]
    beat.write_text("")
    os.utime(beat, (time.time() - 90, time.time() - 90))
    assert list(ask((note,))) == ["the webserver does not answer: no heartbeat for 90 s"]
    beat.unlink()
    assert list(ask((note,))) == ["the webserver does not answer: No such file or directory"]


def test_a_note_that_is_no_note_does_not_count(tmp_path: Path) -> None:
    file = leave_note(tmp_path, _note("http", "127.0.0.1:1"))
    assert [each.name for each in file.parent.iterdir()] == ["webserver.json"]
    (file.parent / "x.json").write_text('{"role": 1')
    (file.parent / "y.json").write_text("[]")
    assert read_notes(tmp_path) == (_note("http", "127.0.0.1:1"),)


@pytest.mark.parametrize(
    ("host", "address"),
    [("0.0.0.0", "127.0.0.1:80"), ("::", "[::1]:80"), ("10.0.0.1", "10.0.0.1:80"), ("fd00::1", "[fd00::1]:80")],
)
def test_where_a_listening_server_is_reached(host: str, address: str) -> None:
    assert reachable(host, 80) == address
