"""What tools that know nothing of floe say about the flights example, built for both platforms."""

from __future__ import annotations

from pathlib import Path

import pytest

from floe_images.image.platform import Platform
from floe_images.lock.model import Lock
from tests.support import outside
from tests.support.flights import BuiltProject
from tests.support.mirror_floe import index_digest

pytestmark = [pytest.mark.engine, pytest.mark.network]

ARCHITECTURES = ("amd64", "arm64")


@pytest.fixture
def layout(flights: BuiltProject) -> Path:
    return flights.layout


@pytest.fixture
def lock(flights: BuiltProject) -> Lock:
    return flights.lock


def test_skopeo_copies_all_platforms(layout: Path, tmp_path: Path) -> None:
    assert outside.check_skopeo(layout, tmp_path / "copied") == index_digest(layout)


@pytest.mark.parametrize("architecture", ["amd64", pytest.param("arm64", marks=pytest.mark.acceptance)])
def test_umoci_unpacks(architecture: str, layout: Path, tmp_path: Path) -> None:
    root = outside.check_umoci(layout, architecture, tmp_path)
    machine = Platform.parse(f"linux/{architecture}").machine
    assert (root / "lib").is_symlink()
    assert (root / f"usr/lib/{machine}-linux-gnu/libc.so.6").exists()
    assert (root / "usr/local/bin/floe-runtime").stat().st_mode & 0o111
    assert not (root / "bin/sh").exists()
    setid = [
        str(path)
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o6000
    ]
    assert setid == []


def test_crane_validates_what_a_registry_serves(layout: Path) -> None:
    digests = outside.check_crane(layout)
    assert digests[0] == index_digest(layout)
    assert len(digests) == 1 + len(ARCHITECTURES)


def test_the_image_specs_schemas_accept_it(layout: Path) -> None:
    assert outside.check_schemas(layout) == 3 + 2 * len(ARCHITECTURES)


def test_no_path_occurs_twice_and_each_diff_id_is_right(layout: Path) -> None:
    assert outside.check_paths(layout) > 10_000


@pytest.mark.parametrize("architecture", ["amd64", pytest.param("arm64", marks=pytest.mark.acceptance)])
def test_syft_finds_exactly_the_locks_packages(architecture: str, layout: Path, lock: Lock) -> None:
    platform = Platform.parse(f"linux/{architecture}")
    found = outside.check_syft(layout, architecture)
    wheels = {(wheel.name, wheel.version) for wheel in lock.wheels if wheel.file_for(platform)}
    own = {name for name in found.python if name[0] == "floe-runtime"}
    assert len(own) == 1
    assert found.python - own == wheels
    assert found.debian == {(deb.name, deb.version) for deb in lock.debs(platform)}
