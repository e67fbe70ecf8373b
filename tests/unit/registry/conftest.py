"""A registry that a test tells what to answer, and how it is reached without this machine's own credentials."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from floe_images.engine.fetch.http import HttpSettings
from floe_images.engine.registry.place import Registries
from floe_images.engine.store import Store
from tests.support.registry_fake import FakeRegistry


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with FakeRegistry().serving() as registry:
        yield registry


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any credential; netrc is looked for by requests, which asks the process' environment."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("NETRC", raising=False)
    return folder


@pytest.fixture
def registries(home: Path) -> Registries:
    return Registries(
        http=HttpSettings(attempts=3, pause=0.001, connect_timeout=5, read_timeout=5), environ={"HOME": str(home)}
    )


@pytest.fixture
def elsewhere() -> Iterator[FakeRegistry]:
    """A store of blobs that is another origin: the same address, another port."""
    with FakeRegistry().serving() as other:
        yield other
