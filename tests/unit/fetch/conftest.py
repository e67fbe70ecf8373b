"""A mirror on loopback, and HTTP that does not wait between two attempts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from floe_images.engine.fetch.http import Http, HttpSettings
from floe_images.engine.store import Store
from tests.support.mirror import Mirror
from tests.support.mirror_tiny import write_wheel


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


@pytest.fixture
def http() -> Http:
    return Http(HttpSettings(attempts=3, pause=0.001, connect_timeout=5, read_timeout=5))


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    """Carries alpha 1.0 (large) and beta 1.0."""
    folder = tmp_path / "index"
    folder.mkdir()
    write_wheel(folder, "alpha", "1.0", bulk=1 << 20)
    write_wheel(folder, "beta", "1.0")
    with Mirror(folders=(folder,)).serving() as found:
        yield found
