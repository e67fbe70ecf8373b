"""Does an image still hold what its wheels' publishers recorded? Every difference is named, with why it may be."""

from __future__ import annotations

import functools
import hashlib
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from floe_images.engine.assemble import elf_strip
from floe_images.engine.assemble.collide import Exclusions
from floe_images.engine.assemble.prune import prune_rules, translate
from floe_images.engine.assemble.record import digest_text
from floe_images.engine.assemble.wheel import WheelSource
from floe_images.engine.assemble.wheel_layout import Placed, read_layout, rewrite_shebang, site_path
from floe_images.engine.assemble.wheel_zip import WheelZip

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Kind = Literal["pruned", "collided", "rewritten", "stripped", "generated"]

# Path in the image → its content in pieces; None where there is no such file.
ReadImage = Callable[[str], Iterable[bytes] | None]


@dataclass(frozen=True, kw_only=True)
class RecordException:
    kind: Kind
    paths: tuple[str, ...]  # empty: the rules of another file say which
    owner: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Difference:
    """``kind`` is None where no exception covers it: the image is then not what it should be."""

    distribution: str
    path: str
    kind: Kind | None
    owner: str = ""
    reason: str = ""


@functools.cache
def record_exceptions() -> dict[str, RecordException]:
    """The shipped exceptions by class."""
    text = resources.files("floe_images").joinpath("data/record-exceptions.toml").read_text("utf-8")
    return {
        entry["class"]: RecordException(
            kind=entry["class"], paths=tuple(entry.get("paths", ())), owner=entry["owner"], reason=entry["reason"]
        )
        for entry in tomllib.loads(text)["exception"]
    }


def check_record(source: WheelSource, read: ReadImage, exclusions: Exclusions) -> list[Difference]:
    """Hold one wheel's own RECORD against an image. Raises HostileArchiveError for a wheel that cannot be read."""
    pruner = prune_rules().pruner("wheel", source.name)
    excluded = exclusions.of(source.name, source.platform)
    found = []
    with WheelZip(source.path, source.file_name) as wheel:
        layout = read_layout(wheel, file_name=source.file_name, name=source.name, version=source.version)
        for placed in layout.placed:
            chunks = read(placed.path)
            if rule := pruner.rule_for(site_path(placed.path)):
                kind: Kind | None = "pruned" if chunks is None else None
                found.append(_difference(source, placed, kind, f"{rule.id}: {rule.reason}"))
            elif placed.path in excluded:
                found.append(_difference(source, placed, "collided" if chunks is not None else None))
            elif chunks is None:
                found.append(_difference(source, placed, None))
            elif (digest := _digest(chunks, placed.digest.partition("=")[0])) != placed.digest:
                found.append(_difference(source, placed, _changed(wheel, placed, digest)))
    return found


def _changed(wheel: WheelZip, placed: Placed, digest: str) -> Kind | None:
    """The change that leads from the wheel's bytes to the image's, if floe makes it."""
    algorithm = placed.digest.partition("=")[0]
    data = b"".join(wheel.stream(placed.member))
    if placed.script and digest == _digest([rewrite_shebang(data)], algorithm):
        return _allowed("rewritten", placed.path)
    if elf_strip.may_be_stripped(placed.path) and digest == _digest([elf_strip.strip(data)], algorithm):
        return _allowed("stripped", placed.path)
    return None


def _allowed(kind: Kind, path: str) -> Kind | None:
    patterns = record_exceptions()[kind].paths
    return kind if any(re.fullmatch(translate(pattern), site_path(path)) for pattern in patterns) else None


def _difference(source: WheelSource, placed: Placed, kind: Kind | None, reason: str = "") -> Difference:
    known = record_exceptions()[kind] if kind else None
    return Difference(
        distribution=source.name,
        path=placed.path,
        kind=kind,
        owner=known.owner if known else "",
        reason=(reason or known.reason) if known else "",
    )


def _digest(chunks: Iterable[bytes], algorithm: str) -> str:
    found = hashlib.new(algorithm)
    for chunk in chunks:
        found.update(chunk)
    return digest_text(found.digest(), algorithm)
