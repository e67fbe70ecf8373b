"""The guard around unit tests: it stops what it should, and lets the loopback through."""

from __future__ import annotations

import socket

import pytest

from floe_images.engine.docker.connect import connect
from floe_images.errors import EngineError


def test_an_address_is_refused() -> None:
    with socket.socket() as client, pytest.raises(AssertionError, match="connects to"):
        client.connect(("192.0.2.1", 80))


def test_a_name_is_refused() -> None:
    with pytest.raises(AssertionError, match="looks up"):
        socket.create_connection(("example.org", 80))


def test_an_engine_is_refused() -> None:
    with socket.socket(socket.AF_UNIX) as client, pytest.raises(AssertionError, match="connects to"):
        client.connect("/var/run/docker.sock")


def test_loopback_is_let_through() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


def test_no_engine_is_one_line_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(EngineError) as caught:
        connect()
    assert caught.value.message == "no container engine answers"
    assert caught.value.hint
    assert "DOCKER_HOST" in caught.value.hint
