"""Fixtures of the tests that run in the runtime's own Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.polaris_double import STORES, Catalogs, Polaris, Roles, double
from tests.support.shop import shop as shop
from tests.support.shop import shop_template as shop_template


@pytest.fixture(scope="module", params=(pytest.param(STORES[0], marks=pytest.mark.acceptance), STORES[1]))
def polaris(request: pytest.FixtureRequest) -> Iterator[Polaris]:
    with double(store=request.param) as found:
        yield found


@pytest.fixture(scope="module")
def roles() -> Iterator[Roles]:
    with Roles() as found:
        yield found


@pytest.fixture
def catalogs(polaris: Polaris, roles: Roles, tmp_path: Path) -> Catalogs:
    polaris.reset()
    return Catalogs(tmp_path / "site", polaris, roles)
