"""The long proofs stand on the same ground as tests/offline; a site of containers lives once for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.offline.conftest import built, locked, tiny_ground
from tests.support.contained import contained_site
from tests.support.contained_life import Life, live
from tests.support.engine import engine

__all__ = ["built", "locked", "tiny_ground"]


@pytest.fixture(scope="session")
def life(runtime_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """A site's containers that have run, failed and served, on an island; its databases are still there."""
    with (
        engine("classic") as found,
        contained_site(tmp_path_factory.mktemp("contained") / "site", runtime_python, found) as site,
    ):
        yield live(site)
