"""Plan → layers in the cache: every layer a job, the largest first, nothing made that the cache has."""

from __future__ import annotations

import concurrent.futures
import os
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from floe_images.engine.assemble import bytecode
from floe_images.engine.assemble.bytecode import Compiler, compiling
from floe_images.engine.assemble.fragment import Fragment, find_fragment, fragment_key, make_fragment
from floe_images.engine.assemble.interpreter import interpreter_debs, interpreter_version, unpack_interpreter
from floe_images.engine.assemble.layer import DamagedFragmentError, find_layer, layer_key, write_layer
from floe_images.engine.assemble.parts import PartContext, PartStream, part_stream, prepare
from floe_images.engine.store import Store
from floe_images.errors import CancelledError, FloeError, ImageTooBigError
from floe_images.image.layer import LayerBlob
from floe_images.image.platform import Platform
from floe_images.lock.model import LockedDeb
from floe_images.plan.model import (
    DataPart,
    DebPart,
    ImageConfig,
    ImagePlan,
    LayerPlan,
    Part,
    Plan,
    RuntimePart,
    WheelPart,
)
from floe_images.progress import Progress

_NAMED_WHEN_TOO_BIG = 5


@dataclass(frozen=True, kw_only=True)
class AssembledImage:
    """One platform's image: ``layers`` from the lowest up, their bytes in the store under ``blobs``."""

    platform: Platform
    layers: tuple[LayerBlob, ...]
    config: ImageConfig


def assemble(
    plan: Plan,
    *,
    files: Mapping[str, Path],
    project: Path,
    store: Store,
    progress: Progress,
    interpreter: Sequence[LockedDeb] = (),
    jobs: int | None = None,
) -> tuple[AssembledImage, ...]:
    """The layers of every image of ``plan``, from the cache or made now.

    ``files`` maps the sha256 of every locked file of the plan, and of ``interpreter_debs(interpreter)``, to the
    verified file; ``project`` is the folder of floe.yaml. ``interpreter``: the locked Debian packages of *this
    machine's* platform, which bytecode is made with (none where the plan has no bytecode). ``jobs``: threads, as many
    as there are processors by default.

    Raises HostileArchiveError, MaintainerScriptError, CollisionError, WrongMachineError, ProjectError,
    InterpreterError, ImageTooBigError, DiskError, CancelledError.
    """
    context = prepare(plan, files=files, project=project, store=store, progress=progress)

    with compiling(
        lambda: unpack_interpreter(interpreter_debs(interpreter), files, store), lambda: progress.phase("bytecode")
    ) as compiler:
        run = _Run(plan, context, store, progress, compiler if plan.bytecode else None)
        blobs = run.layers(jobs or os.cpu_count() or 1)
    if compiler.skipped:
        progress.note(f"{compiler.skipped} Python sources do not compile and have no bytecode")
    for image in plan.images:
        run.check_size(image, blobs)
    return tuple(
        AssembledImage(
            platform=image.platform, layers=tuple(blobs[layer] for layer in image.layers), config=image.config
        )
        for image in plan.images
    )


class _Run:
    """What the jobs of one build share."""

    def __init__(
        self, plan: Plan, context: PartContext, store: Store, progress: Progress, compiler: Compiler | None
    ) -> None:
        self._plan, self._context, self._store, self._progress = plan, context, store, progress
        self._compiler = compiler
        self._bytecode_tag = _bytecode_tag(plan) if compiler else ""
        self._stop = threading.Event()
        self._phases: set[str] = set()
        self._lock = threading.Lock()
        self._making: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def layers(self, jobs: int) -> dict[LayerPlan, LayerBlob]:
        """Every layer of the plan once. The first failure stops the other jobs."""
        base = {image.layers[0] for image in self._plan.images}
        todo = dict.fromkeys(layer for image in self._plan.images for layer in image.layers)
        order = sorted(todo, key=lambda layer: -sum(_weight(part) for part in layer.parts))
        self._progress.total("assemble", sum(_weight(part) for layer in todo for part in layer.parts))
        pool = concurrent.futures.ThreadPoolExecutor(jobs, thread_name_prefix="layer")
        try:
            futures = {pool.submit(self._layer, layer, layer in base): layer for layer in order}
            concurrent.futures.wait(futures, return_when=concurrent.futures.FIRST_EXCEPTION)
            errors = [future.exception() for future in futures if future.done() and not future.cancelled()]
            for error in errors:
                if error is not None and not isinstance(error, CancelledError):
                    raise error
            return {layer: future.result() for future, layer in futures.items()}
        finally:
            # Also on Ctrl-C: jobs look at the event between two blocks, and a dead worker ends its wait.
            self._stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            if self._compiler is not None:
                self._compiler.close()
            pool.shutdown(wait=True)

    def check_size(self, image: ImagePlan, blobs: Mapping[LayerPlan, LayerBlob]) -> None:
        """Raise ImageTooBigError, naming the largest packages, where the unpacked layers exceed the plan's limit."""
        size = sum(blobs[layer].tar_size for layer in image.layers)
        if size <= self._plan.max_size:
            return
        sizes: list[tuple[int, str]] = []
        for layer in image.layers:
            for part in layer.parts:
                stream = part_stream(part, self._context, platform=image.platform)
                fragment = find_fragment(self._fragment_key(part, stream), self._store)
                sizes.append((fragment.tar_size if fragment else 0, stream.name))
        largest = ", ".join(
            f"{name} {_mb(amount)}" for amount, name in sorted(sizes, reverse=True)[:_NAMED_WHEN_TOO_BIG]
        )
        raise ImageTooBigError(
            f"{_mb(size)} unpacked, more than the {_mb(self._plan.max_size)} of image.max_size; largest: {largest}",
            where=str(image.platform),
            hint="raise image.max_size in floe.yaml, or leave out what is not needed",
        )

    def _layer(self, layer: LayerPlan, base: bool) -> LayerBlob:
        platform = layer.platform or self._plan.images[0].platform
        streams = [(part, part_stream(part, self._context, platform=platform)) for part in layer.parts]
        keys = [self._fragment_key(part, stream) for part, stream in streams]
        key = layer_key(keys, base=base)
        blob = find_layer(key, layer.name, self._store)
        if blob is not None:
            self._progress.advance("assemble", sum(_weight(part) for part in layer.parts))
            return blob
        while True:
            fragments = []
            for (part, stream), fragment in zip(streams, keys, strict=True):
                fragments.append(self._fragment(part, stream, fragment))
                self._progress.advance("assemble", _weight(part))
            self._phase("compress")
            try:
                return write_layer(key, layer.name, fragments, self._store, base=base, stop=self._stop)
            except DamagedFragmentError as damaged:
                self._store.path("fragments", damaged.key).unlink(missing_ok=True)

    def _fragment(self, part: Part, stream: PartStream, key: str) -> Fragment:
        with self._lock:
            making = self._making[key]
        with making:  # the same package in two platforms' layers is packed once
            found = find_fragment(key, self._store)
            if found is not None:
                return found
            self._phase("unpack")
            entries = stream.entries()
            if self._compiler is not None and _has_sources(part):
                entries = self._compiler.add_bytecode(entries)
            try:
                return make_fragment(key, entries, self._store, where=stream.name, tick=self._tick)
            except FloeError:
                # A worker that was ended because the build stops is not what went wrong.
                self._tick(0)
                raise

    def _fragment_key(self, part: Part, stream: PartStream) -> str:
        return fragment_key(stream.key + (self._bytecode_tag if _has_sources(part) else ""))

    def _tick(self, _: int) -> None:
        if self._stop.is_set():
            raise CancelledError("stopped")

    def _phase(self, name: str) -> None:
        with self._lock:
            new = name not in self._phases
            self._phases.add(name)
        if new:
            self._progress.phase(name)


def _has_sources(part: Part) -> bool:
    """Whether the part may bring Python sources that the interpreter imports."""
    return isinstance(part, WheelPart | RuntimePart) or (isinstance(part, DebPart) and "python" in part.deb.name)


def _bytecode_tag(plan: Plan) -> str:
    debs = (part.deb for layer in plan.images[0].layers for part in layer.parts if isinstance(part, DebPart))
    return f" bytecode {bytecode.RECIPE} {interpreter_version(debs)}"


def _weight(part: Part) -> int:
    """About how much work a part is, in bytes to read."""
    if isinstance(part, DebPart):
        return part.deb.file.size
    if isinstance(part, WheelPart):
        file = part.wheel.file_for(part.platform) if part.platform else part.wheel.files[0][1]
        return file.size if file else 0
    return part.data.size if isinstance(part, DataPart) else 1


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
