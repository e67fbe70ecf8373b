"""PostgreSQL and the lake for arm64 are prepared and serve there, under qemu where this machine is not arm64."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.engine import TestEngine
from tests.support.flights import BuiltProject
from tests.support.services import Site, build_beside, data_volume, lines, site, write_secrets

# What a store gives is the same to a service.
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(1800),
    pytest.mark.parametrize("engine", ["classic"], indirect=True, scope="module"),
]


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> BuiltProject:
    return build_beside(tmp_path_factory.mktemp("built") / "beside")


@pytest.fixture(scope="module")
def there(engine: TestEngine, beside: BuiltProject) -> Iterator[Site]:
    with site(engine, beside, "floe-test-arm64-services", "linux/arm64") as found:
        write_secrets(found.secrets, {"pg": "password"})
        yield found


def machine(site: Site, image: str) -> str:
    inside = ("--entrypoint", "/usr/bin/busybox", "--platform", site.platform)
    return site.engine.docker("run", "--rm", *inside, site.images[image], "uname", "-m").stdout.strip()


def test_postgres(there: Site) -> None:
    assert machine(there, "postgres-init") == "aarch64"
    with data_volume(there.engine, "floe-test-arm64-pg", "/var/lib/postgresql") as data:
        _, said = there.prepare("postgres", data, FLOE_ROLES="app=pg", FLOE_DATABASES="app=app")
        assert lines(said)[-1] == "floe: prepared"
        with there.serving("postgres", data) as container:
            asked = there.engine.docker(
                "exec", container, "psql", "--no-align", "--tuples-only", "--command", "select version()"
            )
            assert "aarch64-unknown-linux-gnu" in asked.stdout


def test_lake(there: Site) -> None:
    assert machine(there, "lake-init") == "aarch64"
    with data_volume(there.engine, "floe-test-arm64-lake", "/var/lib/lake") as data:
        _, said = there.prepare("lake", data, FLOE_BUCKETS="lake")
        assert lines(said)[-2:] == ["floe: made the bucket lake", "floe: prepared"]
        with there.serving("lake", data) as container:
            said = there.engine.docker("exec", container, "weed", "version").stdout
            assert "linux arm64" in said
