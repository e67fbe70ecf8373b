"""Honest wheels for tests, made as the specification asks, with any lie that a test wants to tell."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from floe_images.engine.assemble.entry import Entries, Entry
from floe_images.engine.assemble.record import RecordLine, digest_of, write_record
from floe_images.engine.assemble.wheel import WheelSource
from floe_images.image.platform import Platform

AMD64 = Platform.parse("linux/amd64")
ARM64 = Platform.parse("linux/arm64")


def wheel_bytes(
    name: str = "demo",
    version: str = "1.0",
    files: Mapping[str, bytes] | None = None,
    *,
    entry_points: str = "",
    executable: Iterable[str] = (),
    metadata_name: str | None = None,
    record: bytes | None = None,
    requires: Iterable[str] = (),
) -> bytes:
    """The bytes of a wheel; ``record`` replaces the right RECORD."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    members = dict(files if files is not None else {f"{name}/__init__.py": b"VALUE = 1\n"})
    members[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {metadata_name or name}\nVersion: {version}\n".encode()
    members[f"{info}/METADATA"] += "".join(f"Requires-Dist: {each}\n" for each in requires).encode()
    members[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if entry_points:
        members[f"{info}/entry_points.txt"] = entry_points.encode()
    lines = [RecordLine(path=path, digest=digest_of(data), size=len(data)) for path, data in members.items()]
    own = RecordLine(path=f"{info}/RECORD", digest="", size=None)
    members[f"{info}/RECORD"] = write_record([*lines, own]) if record is None else record
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items():
            member = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            member.create_system, member.compress_type = 3, zipfile.ZIP_DEFLATED
            member.external_attr = (0o100755 if path in executable else 0o100644) << 16
            archive.writestr(member, data)
    return out.getvalue()


def source(
    data: bytes | Path,
    name: str = "demo",
    version: str = "1.0",
    *,
    platform: Platform | None = None,
    tag: str = "",
    excluded: Iterable[str] = (),
) -> WheelSource:
    tag = tag or (f"cp311-cp311-manylinux_2_28_{platform.machine}" if platform else "py3-none-any")
    return WheelSource(
        path=data,
        file_name=f"{name.replace('-', '_')}-{version}-{tag}.whl",
        name=name,
        version=version,
        platform=platform,
        excluded=frozenset(excluded),
    )


def unpacked(entries: Entries) -> dict[str, tuple[Entry, bytes]]:
    """Path → entry and content; fails where a path occurs twice."""
    found: dict[str, tuple[Entry, bytes]] = {}
    for entry, content in entries:
        assert entry.path not in found, entry.path
        found[entry.path] = (entry, b"".join(content()))
    return found
