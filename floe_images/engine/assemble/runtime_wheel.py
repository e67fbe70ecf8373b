"""The small wheel ``floe-runtime``: what the toolkit carries of itself into an image, made the same everywhere.

Only ``errors``, ``artifacts`` and ``runtime`` are in it: no Docker client, no builder.
"""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Iterator
from importlib import resources
from typing import TYPE_CHECKING

from floe_images.engine.assemble.record import RecordLine, digest_of, write_record
from floe_images.engine.assemble.wheel import WheelSource
from floe_images.lock.requirements import RUNTIME
from floe_images.plan.places import PYTHON

if TYPE_CHECKING:
    from importlib.abc import Traversable

NAME = "floe-runtime"
_CONTENTS = ("__init__.py", "errors.py", "py.typed", "artifacts", "runtime")
_TIME = (1980, 1, 1, 0, 0, 0)


@functools.cache
def runtime_wheel(version: str) -> tuple[str, bytes]:
    """The wheel's file name and its bytes: members sorted and stored, so that no compressor's version shows."""
    files = dict(_package_files())
    info = f"floe_runtime-{version}.dist-info"
    files[f"{info}/METADATA"] = _metadata(version)
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: floe\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/entry_points.txt"] = b"[console_scripts]\nfloe-runtime = floe_images.runtime.main:main\n"
    lines = [RecordLine(path=path, digest=digest_of(data), size=len(data)) for path, data in files.items()]
    record = f"{info}/RECORD"
    files[record] = write_record([*lines, RecordLine(path=record, digest="", size=None)])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(files):
            member = zipfile.ZipInfo(path, _TIME)
            member.create_system = 3
            member.external_attr = 0o100644 << 16
            archive.writestr(member, files[path])
    return f"floe_runtime-{version}-py3-none-any.whl", out.getvalue()


def runtime_source(version: str) -> WheelSource:
    file_name, data = runtime_wheel(version)
    return WheelSource(path=data, file_name=file_name, name=NAME, version=version, platform=None)


def _metadata(version: str) -> bytes:
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {NAME}",
        f"Version: {version}",
        "Summary: What runs inside an image that floe builds.",
        "License-Expression: Apache-2.0",
        f"Requires-Python: >={PYTHON}",
        *(f"Requires-Dist: {each}" for each in RUNTIME),
    ]
    return "\n".join(lines).encode() + b"\n"


def _package_files() -> Iterator[tuple[str, bytes]]:
    package = resources.files("floe_images")
    for name in _CONTENTS:
        yield from _walk(package.joinpath(name), f"floe_images/{name}")


def _walk(node: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    if node.is_file():
        yield path, node.read_bytes()
        return
    for child in sorted(node.iterdir(), key=lambda each: each.name):
        if child.name != "__pycache__" and not child.name.startswith("."):
            yield from _walk(child, f"{path}/{child.name}")
