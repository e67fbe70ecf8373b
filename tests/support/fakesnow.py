"""fakesnow's server: Snowflake's own protocol on DuckDB, in an environment of its own with pinned hashes.

https://github.com/tekumara/fakesnow. Its pins clash with dbt-snowflake's, so it shares no environment with anything.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.pinned import pinned_environment


@pytest.fixture(scope="session")
def fakesnow_port() -> Iterator[int]:
    """The port of this machine that it serves plain HTTP on; it takes whoever comes."""
    with fakesnow_server(pinned_environment("fakesnow") / "fakesnow") as port:
        yield port


@contextmanager
def fakesnow_server(program: Path) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [str(program), "--server", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "SNOWFLAKE_DISABLE_MINICORE": "true"},
    )
    try:
        _wait(process, port)
        yield port
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, f"fakesnow ended with {process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("fakesnow does not answer")
