"""The export as PEP 751: what an independent reader makes of it."""

from __future__ import annotations

import sys

from packaging.pylock import Pylock
from packaging.tags import Tag

from floe_images.lock.model import LockedFile, LockedWheel
from floe_images.lock.pylock import write_pylock
from tests.unit.lock.sample import sample

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def url_of(wheel: LockedWheel, file: LockedFile) -> str:
    return f"https://index.example/{wheel.name}/{file.name}"


def chosen(machine: str, tag: str) -> dict[str, tuple[str, str]]:
    lock = Pylock.from_dict(tomllib.loads(write_pylock(sample(), url_of).decode()))
    environment = {"platform_machine": machine, "sys_platform": "linux", "python_full_version": "3.11.2"}
    tags = [Tag("cp311", "cp311", tag), Tag("py3", "none", "any")]
    found = lock.select(environment=environment, tags=tags)  # type: ignore[arg-type]
    return {package.name: (str(wheel.url), wheel.hashes["sha256"]) for package, wheel in found}  # type: ignore[union-attr]


def test_each_platform_selects_its_own_files() -> None:
    agate = ("https://index.example/agate/agate-1.9.1-py2.py3-none-any.whl", "a" * 64)
    folder = "https://index.example/duckdb/"
    assert chosen("x86_64", "manylinux_2_28_x86_64") == {
        "agate": agate,
        "duckdb": (f"{folder}duckdb-1.5.5-cp311-cp311-manylinux_2_26_x86_64.manylinux_2_28_x86_64.whl", "c" * 64),
    }
    assert chosen("aarch64", "manylinux_2_28_aarch64") == {
        "agate": agate,
        "duckdb": (f"{folder}duckdb-1.5.5-cp311-cp311-manylinux_2_28_aarch64.whl", "d" * 64),
        "only-arm": ("https://index.example/only-arm/only_arm-2!1.0-py3-none-any.whl", "a" * 64),
    }
