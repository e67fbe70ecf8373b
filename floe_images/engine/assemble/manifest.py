"""dbt's manifests as a part of an image, made by the image's own dbt from what lies in the image.

Their key is over all that dbt reads: its packages and theirs, the interpreter, the projects, the artifacts, the epoch.
So nothing is parsed where nothing of that changed, and a package that dbt does not need may change without it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from floe_images.engine.assemble.collide import wheel_sources
from floe_images.engine.assemble.entry import Content, Entries, Entry
from floe_images.engine.assemble.parts import PartContext, PartStream
from floe_images.engine.assemble.required import required
from floe_images.engine.assemble.runtime_wheel import NAME
from floe_images.engine.store import Store
from floe_images.errors import (
    DiskError,
    DiskFullError,
    InterpreterError,
    NotAvailableYetError,
    ProjectError,
    UsageError,
)
from floe_images.plan.model import (
    DebPart,
    FilesPart,
    ImagePlan,
    LayerPlan,
    ManifestPart,
    Part,
    RuntimePart,
    TreePart,
    WheelPart,
)
from floe_images.plan.places import PROJECT

# Part of every manifest's key: raise it when the same inputs would give other manifests.
RECIPE = 2
TIME_LIMIT = 1800  # seconds for all of them; 5,000 models take about two minutes a target
_REFUSALS = (DiskError, DiskFullError, NotAvailableYetError, UsageError)
_HINT = "`dbt parse` shows the same outside of floe; a project's macros run while its image is built"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One manifest; ``name`` is its path below the image's folder of manifests."""

    target: str
    transform: str
    name: str


@dataclass(frozen=True, kw_only=True)
class ParseOrder:
    """What dbt is asked for, and of which image. ``code`` are the parts that bring the interpreter, dbt and the
    runtime, ``home`` those that bring the projects and the artifacts."""

    image: ImagePlan
    code: tuple[Part, ...]
    home: tuple[Part, ...]
    manifests: tuple[Wanted, ...]
    epoch: int

    def text(self, *, places: Sequence[tuple[str, str]], guarded: bool) -> str:
        """For ``manifest_worker``, see there."""
        wanted = [{"target": each.target, "transform": each.transform, "name": each.name} for each in self.manifests]
        order = {"manifests": wanted, "epoch": self.epoch, "places": places, "container": dict(self.image.config.env)}
        return json.dumps({**order, "limit": TIME_LIMIT if guarded else None})


class Workshop(Protocol):
    """Where an image's dbt can be run."""

    def key(self, part: Part) -> str:
        """The key of the part's fragment in that image."""
        ...

    def parse(self, order: ParseOrder) -> bytes:
        """What ``manifest_worker`` answers there. Raises InterpreterError, EngineError, CancelledError, DiskError."""
        ...


class Manifests:
    """The manifests of one build, made by the dbt of ``image``, which ``workshop`` runs."""

    def __init__(self, image: ImagePlan, context: PartContext, store: Store, *, workshop: Workshop) -> None:
        self._image, self._context, self._store, self._workshop = image, context, store, workshop

    def stream(self, part: ManifestPart) -> PartStream:
        """Raises as ``part_stream`` does; its entries as the workshop does, and ProjectError for what dbt refuses."""
        code, home = self._code(part), tuple(_home(self._image))
        order = ParseOrder(image=self._image, code=code, home=home, manifests=tuple(_wanted(part)), epoch=part.epoch)
        inputs = [self._workshop.key(each) for each in (*code, *home)]
        text = repr((RECIPE, part.place, order.manifests, order.epoch, self._image.config.env, inputs))
        return PartStream(
            key=hashlib.sha256(f"manifest {text}".encode()).hexdigest(),
            name="manifest",
            entries=lambda: self._entries(part, order),
        )

    def _code(self, part: ManifestPart) -> tuple[Part, ...]:
        wheels = {
            source.name: (source, sha256)
            for source, sha256 in wheel_sources(self._image, self._context.files)
            if source.name != NAME
        }
        needed = required(part.packages, wheels, self._image.platform, self._store)
        return tuple(
            each
            for layer in _below_project(self._image)
            for each in layer.parts
            if isinstance(each, DebPart | RuntimePart) or (isinstance(each, WheelPart) and each.wheel.name in needed)
        )

    def _entries(self, part: ManifestPart, order: ParseOrder) -> Entries:
        answer = read_answer(self._workshop.parse(order), order)
        for name, text in sorted(answer.items()):
            data = text.encode()
            yield Entry(path=f"{part.place}/{name}", kind="file", mode=0o644, size=len(data)), _constant(data)


def read_answer(answer: bytes, order: ParseOrder) -> Mapping[str, str]:
    """Name → text of each manifest. Raises ProjectError with what dbt said, or what else the runtime refused;
    InterpreterError for no answer."""
    try:
        document = json.loads(answer)
        error, manifests = document.get("error"), document.get("manifests")
    except (ValueError, AttributeError):
        raise InterpreterError("the image's dbt gave no manifest", hint=_HINT) from None
    if error:
        # As the project lies there: the image's folders say nothing to whoever reads this.
        message, where = (str(error[key] or "").replace(f"/{PROJECT}/", "") for key in ("message", "where"))
        kind = next((each for each in _REFUSALS if each.exit_code == error["code"]), ProjectError)
        raise kind(message, where=where or None, hint=error["hint"] or _HINT)
    if not isinstance(manifests, dict) or manifests.keys() != {each.name for each in order.manifests}:
        raise InterpreterError("the image's dbt gave other manifests than it was asked for", hint=_HINT)
    return manifests


def _wanted(part: ManifestPart) -> Iterator[Wanted]:
    for target in part.targets:
        for transform in part.transforms:
            # Where floe_images.runtime.manifests looks.
            yield Wanted(target=target, transform=transform, name=f"{target}/{transform}/manifest.json")


def _below_project(image: ImagePlan) -> Iterator[LayerPlan]:
    for layer in image.layers:
        if layer.name == "project":
            return
        yield layer


def _home(image: ImagePlan) -> Iterator[Part]:
    for layer in image.layers:
        if layer.name == "project":
            yield from (part for part in layer.parts if isinstance(part, TreePart | FilesPart))


def _constant(data: bytes) -> Content:
    return lambda: (data,)
