"""The lock's Python part as PEP 751 (packaging.python.org, specifications, *pylock.toml*), for uv and pip.

This one names hosts: it holds the URLs of the index that was in use when it was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from floe_images.image.platform import Platform
from floe_images.lock.model import Lock, LockedFile, LockedWheel


def write_pylock(lock: Lock, url_of: Callable[[LockedWheel, LockedFile], str]) -> bytes:
    """UTF-8 TOML; ``url_of`` gives the URL of each file, without credentials."""
    major, minor = lock.python.split(".")
    environments = ", ".join(f'"{_marker(platform)}"' for platform in lock.platforms)
    lines = [
        'lock-version = "1.0"',
        f"environments = [{environments}]",
        f'requires-python = ">={major}.{minor},<{major}.{int(minor) + 1}"',
        'created-by = "floe"',
        "",
    ]
    for wheel in lock.wheels:
        lines += _package(wheel, lock.platforms, url_of)
    return ("\n".join(lines).rstrip("\n") + "\n").encode()


def _package(
    wheel: LockedWheel, platforms: Sequence[Platform], url_of: Callable[[LockedWheel, LockedFile], str]
) -> Iterator[str]:
    yield "[[packages]]"
    yield f'name = "{wheel.name}"'
    yield f'version = "{wheel.version}"'
    missing = [platform for platform in platforms if wheel.file_for(platform) is None]
    if missing:
        there = [platform for platform in platforms if platform not in missing]
        yield f'marker = "{" or ".join(_marker(platform) for platform in there)}"'
    yield "wheels = ["
    for _, file in wheel.files:
        url = url_of(wheel, file).replace("\\", "%5C").replace('"', "%22")
        yield (
            f'  {{ name = "{file.name}", url = "{url}", size = {file.size}, hashes = {{ sha256 = "{file.sha256}" }} }},'
        )
    yield "]"
    yield ""


def _marker(platform: Platform) -> str:
    return f"sys_platform == '{platform.os}' and platform_machine == '{platform.machine}'"
