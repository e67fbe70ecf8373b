"""What a file's name says must be what the lock's row says: of a wheel name, version and tags, of a deb all of it."""

from __future__ import annotations

import re

from floe_images.image.platform import Platform
from floe_images.lock.model import LockedDeb, LockedWheel

_TAG = re.compile(r"(?:manylinux\w*|linux)_(x86_64|aarch64)")


def is_wheel_of(wheel: LockedWheel, file: str) -> bool:
    """Whether a file name is one of that name and version (PyPA's *binary distribution format*)."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename
    from packaging.version import InvalidVersion, Version

    try:
        name, version, _, _ = parse_wheel_filename(file)
        return name == wheel.name and version == Version(wheel.version)
    except (InvalidWheelFilename, InvalidVersion):
        return False


def is_wheel_for(platform: Platform | None, file: str) -> bool:
    """Whether the platform tags of a wheel's name (PEP 425, PEP 600) fit; None: every platform, so ``any``."""
    tags = file.removesuffix(".whl").rpartition("-")[2].split(".")
    machines = {found[1] for tag in tags if (found := _TAG.fullmatch(tag))}
    return "any" in tags or (platform is not None and platform.machine in machines)


def is_deb_of(deb: LockedDeb) -> bool:
    """Whether a deb's file name is NAME_VERSION_ARCHITECTURE.deb, the epoch left out (as Debian does) or not."""
    full = deb.version.replace(":", "%3a")
    versions = (deb.version.partition(":")[2] or deb.version, deb.version, full)
    name = deb.file.name.replace("%3A", "%3a")
    return name in {f"{deb.name}_{version}_{deb.architecture}.deb" for version in versions}
