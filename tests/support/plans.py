"""A small spec and lock for tests of what comes after them; hashes are the sha256 of the files' names."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from floe_images.image.platform import Platform
from floe_images.lock.model import DebianSnapshot, Lock, LockedData, LockedDeb, LockedFile, LockedWheel
from floe_images.spec.load import check_text
from floe_images.spec.model import Spec
from tests.support.wheels import AMD64, ARM64

SNAPSHOT = 1_790_000_000


def file(name: str, size: int = 1000) -> LockedFile:
    return LockedFile(name=name, size=size, sha256=hashlib.sha256(name.encode()).hexdigest())


def wheel(name: str, *, version: str = "1.0", size: int = 1000, native: tuple[Platform, ...] = ()) -> LockedWheel:
    stem = f"{name.replace('-', '_')}-{version}"
    own = tuple((each, file(f"{stem}-cp311-cp311-manylinux_2_28_{each.machine}.whl", size)) for each in native)
    return LockedWheel(name=name, version=version, files=own or ((None, file(f"{stem}-py3-none-any.whl", size)),))


def deb(name: str, platform: Platform) -> LockedDeb:
    return LockedDeb(
        name=name,
        version="1",
        architecture=platform.architecture,
        archive="debian",
        pool=f"pool/main/{name}",
        source=name,
        file=file(f"{name}_1_{platform.architecture}.deb"),
    )


def lock(*wheels: LockedWheel, debs: tuple[str, ...] = ("libc6", "python3.11-minimal"), data: bool = False) -> Lock:
    both = (AMD64, ARM64)
    rows = LockedData(
        name="rows", package="pkg", version="1.0", file=file("pkg-1.0.tar.gz"), member="rows.csv",
        place="/opt/floe/data/rows.csv", sha256="0" * 64, size=10,
    )  # fmt: skip
    return Lock(
        inputs="1" * 64,
        platforms=both,
        python="3.11",
        tools=(("packer", "1"),),
        snapshot=DebianSnapshot(suite="bookworm", time=SNAPSHOT, dates=(("bookworm", SNAPSHOT),)),
        debian=tuple((platform, tuple(deb(name, platform) for name in debs)) for platform in both),
        wheels=tuple(sorted(wheels, key=lambda each: each.name)),
        data=(rows,) if data else (),
    )


def spec(**image: Any) -> Spec:
    document = {
        "version": "1.0",
        "name": "demo",
        "adapters": ["duckdb"],
        "targets": {"dev": {"adapter": "duckdb", "path": "/var/lib/floe/demo.duckdb"}},
        "default_target": "dev",
        "transforms": [{"type": "dbt", "path": "transform"}],
        "image": image,
    }
    loaded, findings = check_text(json.dumps(document).encode())  # JSON is YAML
    assert loaded is not None, findings
    return loaded.spec
