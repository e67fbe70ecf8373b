"""What all tests share: unit tests reach nothing, and a test that uses an engine is marked as such by its fixture."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.engine import TestEngine, wanted_stores
from tests.support.engine import engine as engine_for
from tests.support.flights import flights as flights
from tests.support.flights import six_adapters as six_adapters
from tests.support.platforms import platform as platform
from tests.support.postgres import postgres as postgres
from tests.support.runtime import runtime_python as runtime_python

HERE = Path(__file__).parent
# Files that go to one worker together, by what they share: the session's platform, which is brought up once, and the
# containerd store, which forgets layers that another load is about to build on when an image is removed.
TOGETHER = {
    **dict.fromkeys(
        (f"test_platform_{each}" for each in ("bench", "exposure", "faults", "kills", "readers")), "platform"
    ),
    **dict.fromkeys(("test_copied_image", "test_flights_image", "test_load_run", "test_volumes"), "containerd"),
}

# Whoever starts the tests with nohup, or from a script with "&", has signals ignored, and all that a test starts would
# ignore them, too: a handler ends at exec(2), "ignored" does not.
for _name in ("SIGINT", "SIGHUP"):
    _number = getattr(signal, _name, None)
    if _number and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda _number, _frame: None)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marks = metafunc.definition.iter_markers("parametrize")
    own = [mark for mark in marks if "engine" in re.findall(r"\w+", str(mark.args[0]))]
    if "engine" in metafunc.fixturenames and not own:
        metafunc.parametrize("engine", wanted_stores(), indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "engine" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.engine)
        if _is_unit(item) and item.get_closest_marker("engine"):
            raise pytest.UsageError(f"{item.nodeid}: a unit test uses no engine")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """``--dist loadfile``, but for what is `TOGETHER`."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByGround(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return TOGETHER.get(Path(file).stem, str(file))

    return ByGround(config, log)


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Iterator[TestEngine]:
    """A real engine, once for each image store; never skips."""
    with engine_for(request.param) as found:
        yield found


def _is_unit(item: pytest.Item) -> bool:
    return (HERE / "unit") in item.path.parents


@pytest.fixture(autouse=True)
def _unit_tests_reach_nothing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this machine's loopback; children find no engine and no index."""
    if not _is_unit(request.node):
        return
    real_connect, real_resolve = socket.socket.connect, socket.getaddrinfo

    def connect(self: socket.socket, address: object) -> None:
        if (
            self.family == getattr(socket, "AF_UNIX", None)
            and "docker" not in str(address)
            and "containerd" not in str(address)
        ):
            return real_connect(self, address)  # type: ignore[arg-type]
        if isinstance(address, tuple) and str(address[0]) in ("127.0.0.1", "::1", "localhost"):
            return real_connect(self, address)
        raise AssertionError(f"a unit test connects to {address!r}")

    def resolve(host: object, *rest: object, **named: object) -> object:
        if str(host) in ("127.0.0.1", "::1", "localhost", "None"):
            return real_resolve(host, *rest, **named)  # type: ignore[arg-type]
        raise AssertionError(f"a unit test looks up {host!r}")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
