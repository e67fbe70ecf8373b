"""floe.lock as bytes: TOML, one line a file, the same bytes for the same lock.

``write_lock`` and ``read_lock`` are inverse to each other. Reading trusts nothing: names are full-matched, sizes
bounded, versions checked, so what comes out may be used in paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone

from floe_images.image.platform import Platform
from floe_images.lock.model import (
    LOCK_VERSION,
    Lock,
    LockedData,
    LockedDeb,
    LockedFile,
    LockedRecipe,
    LockedService,
    LockedWheel,
)
from floe_images.lock.reader import read_lock
from floe_images.lock.seal import seal

__all__ = ["read_lock", "write_lock"]

_HEAD = """\
# floe.lock: every byte of the image by name, size and sha256. Made by `floe lock`; do not edit, do commit.
"""


def write_lock(lock: Lock) -> bytes:
    """The lock as UTF-8 TOML (https://toml.io/en/v1.0.0), sorted and sealed, with a final newline."""
    lines = [
        _HEAD,
        f"version = {LOCK_VERSION}",
        f"inputs = {_text(lock.inputs)}",
        f"platforms = [{', '.join(_text(str(platform)) for platform in sorted(lock.platforms))}]",
        f"python = {_text(lock.python)}",
        "",
        "[tools]",
        *(f"{name} = {_text(version)}" for name, version in sorted(lock.tools)),
        "",
        *_debian(lock),
        *(line for data in sorted(lock.data, key=lambda data: data.name) for line in _data(data)),
        *_wheels(lock.wheels, "wheel"),
        *(line for service in sorted(lock.services, key=lambda each: each.service) for line in service_lines(service)),
    ]
    return sealed(lines)


def write_services(head: str, services: Iterable[LockedService]) -> bytes:
    """A file that locks services alone, under the comment ``head``: what is shipped beside a recipe."""
    rows = (line for service in services for line in service_lines(service))
    return sealed((head, f"version = {LOCK_VERSION}", "", *rows))


def sealed(lines: Iterable[str]) -> bytes:
    """The lines as a file that notices when it is edited by hand, with one final newline."""
    return seal(("\n".join(lines).rstrip("\n") + "\n").encode())


def service_lines(service: LockedService) -> Iterable[str]:
    """One element of ``[[service]]``."""
    yield "[[service]]"
    yield f"name = {_text(service.service)}"
    if isinstance(service, LockedRecipe):
        for key in ("recipe", "version", "inputs"):
            yield f"{key} = {_text(getattr(service, key))}"
        yield f"time = {_time(service.time)}"
        yield ""
        yield from _packages(service.debian, "service.debian")
        yield from _wheels(service.wheels, "service.wheel")
        return
    yield f"reference = {_text(service.reference)}"
    yield f"index = {_text(service.index)}"
    yield ""
    yield "[service.manifests]"
    for platform, manifest in sorted(service.manifests):
        yield f"{_text(str(platform))} = {_table({'digest': manifest.digest, 'size': manifest.size})}"
    yield ""


def _debian(lock: Lock) -> Iterable[str]:
    snapshot = lock.snapshot
    yield "[debian]"
    if lock.debian_inputs:
        yield f"inputs = {_text(lock.debian_inputs)}"
    yield f"suite = {_text(snapshot.suite)}"
    yield f"time = {_time(snapshot.time)}"
    yield ""
    yield "[debian.dates]"
    for suite, date in sorted(snapshot.dates):
        yield f"{suite} = {_time(date)}"
    yield ""
    yield from _packages(lock.debian, "debian.packages")


def _packages(closures: Iterable[tuple[Platform, tuple[LockedDeb, ...]]], table: str) -> Iterable[str]:
    yield f"[{table}]"
    for platform, debs in sorted(closures, key=lambda item: str(item[0])):
        yield f"{_text(str(platform))} = ["
        for deb in sorted(debs, key=lambda deb: deb.name):
            yield f"  {_table(_deb(deb))},"
        yield "]"
    yield ""


def _deb(deb: LockedDeb) -> Mapping[str, str | int]:
    if deb.file.name != deb.pool.rpartition("/")[2]:
        raise ValueError(f"{deb.name}: the file's name is not the last part of its pool path")
    return {
        "name": deb.name,
        "version": deb.version,
        "architecture": deb.architecture,
        "source": deb.source,
        "archive": deb.archive,
        "pool": deb.pool,
        "size": deb.file.size,
        "sha256": deb.file.sha256,
    }


def _wheels(wheels: Iterable[LockedWheel], table: str) -> Iterable[str]:
    """Every wheel as an element of the array ``table``."""
    for wheel in sorted(wheels, key=lambda wheel: wheel.name):
        yield f"[[{table}]]"
        yield f"name = {_text(wheel.name)}"
        yield f"version = {_text(wheel.version)}"
        yield "files = ["
        for platform, file in sorted(wheel.files, key=lambda item: str(item[0] or "")):
            row: dict[str, str | int] = {} if platform is None else {"platform": str(platform)}
            yield f"  {_table(row | _file(file))},"
        yield "]"
        yield ""


def _data(data: LockedData) -> Iterable[str]:
    yield "[[data]]"
    for key in ("name", "package", "version", "member", "place"):
        yield f"{key} = {_text(getattr(data, key))}"
    yield f"size = {data.size}"
    yield f"sha256 = {_text(data.sha256)}"
    yield f"file = {_table(_file(data.file))}"
    yield ""


def _file(file: LockedFile) -> dict[str, str | int]:
    return {"name": file.name, "size": file.size, "sha256": file.sha256}


def _table(row: Mapping[str, str | int]) -> str:
    pairs = (f"{key} = {value if isinstance(value, int) else _text(value)}" for key, value in row.items())
    return "{ " + ", ".join(pairs) + " }"


def _text(text: str) -> str:
    """A TOML basic string."""
    escaped = "".join(
        {"\\": "\\\\", '"': '\\"'}.get(char, char if char.isprintable() else f"\\U{ord(char):08x}") for char in text
    )
    return f'"{escaped}"'


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
