"""Paths that several Python distributions bring: one keeps each, decided before anything is unpacked.

The decision depends on the wheels' lists of files alone. It is taken for each platform, and has to be the same on all
of them for a wheel that serves all.
"""

from __future__ import annotations

import functools
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from floe_images.engine.assemble.prune import prune_rules, translate
from floe_images.engine.assemble.record import digest_of
from floe_images.engine.assemble.runtime_wheel import runtime_source
from floe_images.engine.assemble.wheel import WHEEL_RULES, WheelSource, kept
from floe_images.engine.assemble.wheel_layout import Placed, read_layout, site_path
from floe_images.engine.assemble.wheel_zip import WheelZip
from floe_images.engine.store import Store
from floe_images.engine.verified import verified
from floe_images.errors import CollisionError
from floe_images.image.platform import Platform
from floe_images.plan.model import ImagePlan, Plan, RuntimePart, WheelPart

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Changes with how collisions are decided.
_RECIPE = 1
# Path in the image → digest of the content as the wheel's RECORD has it.
Facts = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class CollisionRule:
    path: str
    owner: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Exclusions:
    """``paths`` maps (distribution, platform or None) to what it leaves to others; only those with any are in it."""

    paths: Mapping[tuple[str, Platform | None], frozenset[str]]

    def of(self, name: str, platform: Platform | None) -> frozenset[str]:
        return self.paths.get((name, platform), frozenset())


@functools.cache
def collision_rules() -> tuple[CollisionRule, ...]:
    """The shipped rules."""
    data = tomllib.loads(resources.files("floe_images").joinpath("data/collisions.toml").read_text("utf-8"))
    return tuple(CollisionRule(**entry) for entry in data["collision"])


def exclusions(plan: Plan, *, files: Mapping[str, Path], store: Store) -> Exclusions:
    """Which wheel leaves which path to another; remembered under all that it depends on, the wheels' own hashes first.

    Raises CollisionError, HostileArchiveError, WrongMachineError.
    """
    images = tuple((image.platform, tuple(wheel_sources(image, files))) for image in plan.images)
    key = _exclusions_key(images)
    noted = _recalled(key, store)
    if noted is not None:
        return noted
    found: dict[tuple[str, Platform | None], frozenset[str]] = {}
    for platform, sources in images:
        decided = decide({source.name: wheel_facts(source, sha256=sha256, store=store) for source, sha256 in sources})
        for source, _ in sources:
            left = decided.get(source.name, frozenset())
            before = found.setdefault((source.name, source.platform and platform), left)
            if before != left:
                raise CollisionError(
                    f"leaves {site_path(min(left ^ before))} to another package on one platform only, but its layer is "
                    "the same on all",
                    where=source.name,
                    hint="ask for a rule (floe_images/data/collisions.toml)",
                )
    made = Exclusions(paths={key: paths for key, paths in found.items() if paths})
    store.note(key, [[name, platform and str(platform), sorted(left)] for (name, platform), left in made.paths.items()])
    return made


def decide(facts: Mapping[str, Facts], rules: tuple[CollisionRule, ...] | None = None) -> dict[str, frozenset[str]]:
    """Distribution → the paths it leaves to others, from distribution → its paths and digests.

    Raises CollisionError where contents differ and no rule names an owner, and for a file where another distribution
    has a folder.
    """
    owners: dict[str, list[str]] = {}
    for name in sorted(facts):
        for path in facts[name]:
            owners.setdefault(path, []).append(name)
    folders = {parent: path for path in owners for parent in _parents(path)}
    left: dict[str, set[str]] = {}
    for path in sorted(owners):
        if path in folders:
            other = folders[path]
            raise CollisionError(
                f"{site_path(path)} is a file here and a folder in {owners[other][0]}", where=owners[path][0]
            )
        names = owners[path]
        if len(names) == 1:
            continue
        same = len({facts[name][path] for name in names}) == 1
        owner = names[0] if same else _owner(path, names, collision_rules() if rules is None else rules)
        for name in names:
            if name != owner:
                left.setdefault(name, set()).add(path)
    return {name: frozenset(paths) for name, paths in left.items()}


def wheel_facts(source: WheelSource, *, sha256: str, store: Store) -> Facts:
    """What a wheel puts into an image after pruning; remembered under the wheel's own hash."""
    key = hashlib.sha256(f"facts {WHEEL_RULES} {prune_rules().digest} {source.name} {sha256}".encode()).hexdigest()
    noted = store.recall(key)
    if isinstance(noted, dict) and all(isinstance(each, str) for each in noted.values()):
        return noted
    if isinstance(source.path, Path):
        verified(source.path, sha256, source.file_name)
    facts = read_facts(source)
    store.note(key, facts)
    return facts


def read_facts(source: WheelSource) -> dict[str, str]:
    with WheelZip(source.path, source.file_name) as wheel:
        layout = read_layout(wheel, file_name=source.file_name, name=source.name, version=source.version)
        return {path: item.digest if isinstance(item, Placed) else digest_of(item) for path, item in kept(layout)}


def wheel_sources(image: ImagePlan, files: Mapping[str, Path]) -> Iterator[tuple[WheelSource, str]]:
    """Every wheel of an image, with its sha256."""
    for part in (part for layer in image.layers for part in layer.parts):
        if isinstance(part, RuntimePart):
            source = runtime_source(part.version)
            if isinstance(source.path, bytes):
                yield source, hashlib.sha256(source.path).hexdigest()
        elif isinstance(part, WheelPart):
            file = part.wheel.file_for(image.platform)
            if file is None:
                continue
            source = WheelSource(
                path=files[file.sha256],
                file_name=file.name,
                name=part.wheel.name,
                version=part.wheel.version,
                platform=part.platform,
            )
            yield source, file.sha256


def _exclusions_key(images: Iterable[tuple[Platform, Iterable[tuple[WheelSource, str]]]]) -> str:
    rules = [(rule.path, rule.owner) for rule in collision_rules()]
    lines = [f"exclusions {_RECIPE} {WHEEL_RULES} {prune_rules().digest} {rules}"]
    for platform, sources in images:
        lines.append(str(platform))
        lines += [f"{source.name} {source.version} {source.platform} {sha256}" for source, sha256 in sources]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _recalled(key: str, store: Store) -> Exclusions | None:
    """None: never noted, or what lies there is something else."""
    noted = store.recall(key)
    if not isinstance(noted, list):
        return None
    try:
        return Exclusions(
            paths={
                (str(name), Platform.parse(platform) if platform else None): frozenset(map(str, left))
                for name, platform, left in noted
            }
        )
    except (TypeError, ValueError, AttributeError):
        return None


def _owner(path: str, names: list[str], rules: tuple[CollisionRule, ...]) -> str:
    for rule in rules:
        if re.fullmatch(translate(rule.path), site_path(path)):
            if rule.owner == "first":
                return names[0]
            if rule.owner in names:
                return rule.owner
    raise CollisionError(
        f"{site_path(path)} has different content in {' and '.join(names)}",
        where=names[0],
        hint="leave one of the packages out of floe.yaml, or ask for a rule (floe_images/data/collisions.toml)",
    )


def _parents(path: str) -> Iterable[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
