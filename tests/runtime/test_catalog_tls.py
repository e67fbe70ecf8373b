"""A catalog and its store behind TLS with a private authority: DuckDB and PyIceberg trust what SSL_CERT_FILE names."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.catalogs import Catalogs
from tests.support.lake import Lake
from tests.support.lake import lake as lake
from tests.support.mirror_tls import Tls, make_tls
from tests.support.runtime import run_inside

FILES = {"models/one.sql": "{{ config(materialized='table') }} select 1 as id"}


@contextmanager
def _in_tls(tls: Tls, port: int) -> Iterator[int]:
    """A port of the loopback that speaks TLS and leads to ``port``."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_serve, args=(listening, tls.context(), port), daemon=True).start()
        yield listening.getsockname()[1]


def _serve(listening: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError):
        while True:
            near, _ = listening.accept()
            threading.Thread(target=_speak, args=(near, context, port), daemon=True).start()


def _speak(near: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with (
        suppress(OSError),
        context.wrap_socket(near, server_side=True) as one,
        socket.create_connection(("127.0.0.1", port)) as other,
    ):
        threading.Thread(target=_pump, args=(other, one), daemon=True).start()
        _pump(one, other)


def _pump(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(1 << 16):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)


@pytest.mark.acceptance
def test_a_private_authority(lake: Lake, runtime_python: Path, tmp_path: Path) -> None:
    tls = make_tls(tmp_path / "tls", "127.0.0.1")
    with ExitStack() as stack:
        s3, catalog = (
            f"https://127.0.0.1:{stack.enter_context(_in_tls(tls, int(address.rpartition(':')[2])))}"
            for address in (lake.s3, lake.catalog)
        )
        behind = replace(lake, s3=s3, catalog=catalog)
        catalogs = Catalogs.make(tmp_path / "w", runtime_python, behind, FILES, namespace="tls")
        world = catalogs.world
        # Authorities of the machine that the tests run on.
        world.env.update(dict.fromkeys(("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"), ""))
        (run,) = world.run({"target": "rest"})
        assert run.end.outcome == "infrastructure", run.end
        assert "SSL" in (run.end.message or ""), run.end
        assert lake.secret not in f"{run.end} {run.said}"
        world.env["SSL_CERT_FILE"] = str(tls.authority)
        for _ in range(2):  # made by DuckDB, and overwritten by PyIceberg
            (run,) = world.run({"target": "rest"})
            assert run.end.outcome == "success", run.end
        role = ["-m", "floe_images.runtime.main", "maintain", "--dry-run", "lake"]
        assert run_inside(runtime_python, role, env=world.env).stdout == "nothing to do\n"
    found = Catalogs(world=world, lake=lake, namespace="tls").ask("one")
    assert (found["rows"], len(found["snapshots"])) == ([["1"]], 3)
