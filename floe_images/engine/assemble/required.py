"""Which distributions some need, by their own metadata: so that what cannot matter to them is left alone.

Source: https://packaging.python.org/specifications/core-metadata/#requires-dist-multiple-use (PEP 508).
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from floe_images.engine.assemble.wheel import WheelSource
from floe_images.engine.assemble.wheel_layout import read_layout
from floe_images.engine.assemble.wheel_zip import WheelZip
from floe_images.engine.store import Store
from floe_images.engine.verified import verified
from floe_images.image.platform import Platform
from floe_images.plan.places import PYTHON

_RECIPE = 1


def required(
    roots: Iterable[str], wheels: Mapping[str, tuple[WheelSource, str]], platform: Platform, store: Store
) -> frozenset[str]:
    """``roots`` and all that they require, of those that are there; remembered under the wheels' own hashes.

    ``wheels`` maps a normalized name to the wheel and its sha256. Raises HostileArchiveError.
    """
    asked = sorted(set(roots))
    lines = [f"{name} {sha256}" for name, (_, sha256) in sorted(wheels.items())]
    head = f"required {_RECIPE} {PYTHON} {platform} {' '.join(asked)}"
    key = hashlib.sha256("\n".join([head, *lines]).encode()).hexdigest()
    noted = store.recall(key)
    if isinstance(noted, list):
        return frozenset(map(str, noted))
    found = _closure(asked, wheels, _environment(platform))
    store.note(key, sorted(found))
    return found


def _closure(
    roots: Iterable[str], wheels: Mapping[str, tuple[WheelSource, str]], environment: Mapping[str, str]
) -> frozenset[str]:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    seen: set[tuple[str, str]] = set()  # (distribution, one of its extras or "")
    todo = [(str(canonicalize_name(name)), "") for name in roots]
    requirements: dict[str, list[Requirement]] = {}
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen or name not in wheels:
            continue
        seen.add((name, extra))
        if name not in requirements:
            requirements[name] = []
            for line in _requires(*wheels[name]):
                with contextlib.suppress(InvalidRequirement):  # old metadata; the resolver did without it, too
                    requirements[name].append(Requirement(line))
        for each in requirements[name]:
            if each.marker is None or each.marker.evaluate({**environment, "extra": extra}):
                todo += [(str(canonicalize_name(each.name)), asked) for asked in ("", *each.extras)]
    return frozenset(name for name, _ in seen)


def _requires(source: WheelSource, sha256: str) -> list[str]:
    if isinstance(source.path, Path):
        verified(source.path, sha256, source.file_name)
    from email.parser import HeaderParser

    with WheelZip(source.path, source.file_name) as wheel:
        layout = read_layout(wheel, file_name=source.file_name, name=source.name, version=source.version)
        metadata = wheel.read(f"{layout.info.rpartition('/')[2]}/METADATA").decode("utf-8", "replace")
    return HeaderParser().parsestr(metadata).get_all("Requires-Dist", [])


def _environment(platform: Platform) -> dict[str, str]:
    """https://packaging.python.org/specifications/dependency-specifiers/#environment-markers"""
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{PYTHON}.0",
        "os_name": "posix",
        "platform_machine": platform.machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{PYTHON}.0",
        "python_version": PYTHON,
        "sys_platform": "linux",
    }
