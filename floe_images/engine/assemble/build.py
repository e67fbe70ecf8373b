"""Plan → layers in the cache: every layer a job, the largest first, nothing made that the cache has."""

from __future__ import annotations

import concurrent.futures
import os
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from floe_images.engine.assemble import bytecode
from floe_images.engine.assemble.bytecode import Compiler, compiling
from floe_images.engine.assemble.fragment import Fragment, find_fragment, fragment_key, make_fragment
from floe_images.engine.assemble.interpreter import interpreter_debs, interpreter_version, unpack_interpreter
from floe_images.engine.assemble.layer import DamagedFragmentError, find_layer, layer_key, write_layer
from floe_images.engine.assemble.manifest import Manifests, ParseOrder
from floe_images.engine.assemble.manifest_native import parse_here
from floe_images.engine.assemble.parts import PartContext, PartStream, part_stream, prepare
from floe_images.engine.store import Store
from floe_images.engine.verified import naming_all
from floe_images.errors import CancelledError, FloeError, ImageTooBigError
from floe_images.image.layer import LayerBlob
from floe_images.image.platform import Platform
from floe_images.lock.model import LockedDeb, LockedFile
from floe_images.plan.model import (
    DataPart,
    DebPart,
    ImageConfig,
    ImagePlan,
    LayerPlan,
    ManifestPart,
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
    machine: Platform | None = None,
    jobs: int | None = None,
) -> tuple[AssembledImage, ...]:
    """The layers of every image of ``plan``, from the cache or made now.

    ``files`` maps the sha256 of every locked file of the plan, and of ``interpreter_debs(interpreter)``, to the
    verified file; ``project`` is the folder of floe.yaml. ``interpreter``: the locked Debian packages of *this
    machine's* platform, which bytecode is made with (none where the plan has no bytecode). ``machine`` is that
    platform, whose image's dbt makes the manifests (``files`` has what it needs); None: this machine runs neither, so a
    container engine has to. ``jobs``: threads, as many as there are processors by default.

    Raises HostileArchiveError, MaintainerScriptError, CollisionError, WrongMachineError, ProjectError,
    InterpreterError, EngineError, ImageTooBigError, WrongHashError for files that were damaged in the cache, DiskError,
    CancelledError.
    """
    with (
        naming_all(_locked_files(plan, interpreter, files)),
        compiling(
            lambda: unpack_interpreter(interpreter_debs(interpreter), files, store), lambda: progress.phase("bytecode")
        ) as compiler,
    ):
        here = plan.workshop(machine)
        context = prepare(plan, files=files, project=project, store=store, progress=progress, workshop=here)
        run = _Run(plan, context, store, progress, compiler if plan.bytecode else None, here)
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
        self,
        plan: Plan,
        context: PartContext,
        store: Store,
        progress: Progress,
        compiler: Compiler | None,
        here: ImagePlan | None,
    ) -> None:
        self._plan, self._context, self._store, self._progress = plan, context, store, progress
        self._compiler = compiler
        self._bytecode_tag = _bytecode_tag(plan) if compiler else ""
        self._stop = threading.Event()
        self._phases: set[str] = set()
        self._lock = threading.Lock()
        self._making: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._here = here
        self._jobs: dict[LayerPlan, concurrent.futures.Future[LayerBlob]] = {}
        self._manifests = Manifests(here or plan.images[0], context, store, workshop=self)

    def layers(self, jobs: int) -> dict[LayerPlan, LayerBlob]:
        """Every layer of the plan once. The first failure stops the other jobs."""
        base = {image.layers[0] for image in self._plan.images}
        todo = dict.fromkeys(layer for image in self._plan.images for layer in image.layers)
        # dbt runs as soon as its own image's packages are there, while another platform's are made; but in an engine it
        # waits for layers, so those come first: a job must not wait for one that waits for a thread.
        first = set(self._here.layers if self._here else todo)
        order = sorted(
            todo,
            key=lambda layer: (layer not in first, _is_manifest(layer), -sum(_weight(part) for part in layer.parts)),
        )
        self._progress.total("assemble", sum(_weight(part) for layer in todo for part in layer.parts))
        pool = concurrent.futures.ThreadPoolExecutor(jobs, thread_name_prefix="layer")
        try:
            for layer in order:
                self._jobs[layer] = pool.submit(self._layer, layer, layer in base)
            jobs_done = concurrent.futures.wait(
                self._jobs.values(), return_when=concurrent.futures.FIRST_EXCEPTION
            ).done
            errors = [future.exception() for future in jobs_done if not future.cancelled()]
            for error in errors:
                if error is not None and not isinstance(error, CancelledError):
                    raise error
            return {layer: future.result() for layer, future in self._jobs.items()}
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
                stream, key = self._part(part, image.platform)
                fragment = find_fragment(key, self._store)
                sizes.append((fragment.tar_size if fragment else _content_size(part, stream), stream.name))
        largest = ", ".join(
            f"{name} {_mb(amount)}" for amount, name in sorted(sizes, reverse=True)[:_NAMED_WHEN_TOO_BIG]
        )
        raise ImageTooBigError(
            f"{_mb(size)} unpacked, more than the {_mb(self._plan.max_size)} of image.max_size; largest: {largest}",
            where=str(image.platform),
            hint="raise image.max_size in floe.yaml, or leave out what is not needed",
        )

    def parse(self, order: ParseOrder) -> bytes:
        """What ``manifest_worker`` answers. Raises InterpreterError, EngineError, CancelledError, DiskError."""
        if self._here is None:
            from floe_images.engine.docker.manifest import parse_in_engine

            return parse_in_engine(order, self._plan, self._made, self._store, self._progress, self._stop)
        platform = self._here.platform
        return parse_here(
            order, lambda part: self._fragment(part, *self._part(part, platform)), self._store, self._stop
        )

    def key(self, part: Part) -> str:
        """Of the fragment of a part of the image whose dbt is run."""
        return self._part(part, (self._here or self._plan.images[0]).platform)[1]

    def _made(self, layer: LayerPlan) -> LayerBlob:
        return self._jobs[layer].result()

    def _layer(self, layer: LayerPlan, base: bool) -> LayerBlob:
        platform = layer.platform or self._plan.images[0].platform
        streams = [(part, *self._part(part, platform)) for part in layer.parts]
        key = layer_key([key for _, _, key in streams], base=base)
        blob = find_layer(key, layer.name, self._store)
        if blob is not None:
            self._progress.advance("assemble", sum(_weight(part) for part in layer.parts))
            return blob
        while True:
            fragments = []
            for part, stream, fragment in streams:
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
            self._phase("manifest" if isinstance(part, ManifestPart) else "unpack")
            entries = stream.entries()
            if self._compiler is not None and _has_sources(part):
                entries = self._compiler.add_bytecode(entries)
            try:
                return make_fragment(key, entries, self._store, where=stream.name, tick=self._tick)
            except FloeError:
                # A worker that was ended because the build stops is not what went wrong.
                self._tick(0)
                raise

    def _part(self, part: Part, platform: Platform) -> tuple[PartStream, str]:
        """What a part brings, and the key of its fragment."""
        if isinstance(part, ManifestPart):
            stream = self._manifests.stream(part)
        else:
            stream = part_stream(part, self._context, platform=platform)
        return stream, fragment_key(stream.key + (self._bytecode_tag if _has_sources(part) else ""))

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


def _is_manifest(layer: LayerPlan) -> bool:
    return any(isinstance(part, ManifestPart) for part in layer.parts)


def _content_size(part: Part, stream: PartStream) -> int:
    """Bytes of a part whose layer is in the cache and whose fragment is not; without bytecode."""
    return 0 if isinstance(part, ManifestPart) else sum(entry.size for entry, _ in stream.entries())


def _bytecode_tag(plan: Plan) -> str:
    debs = (part.deb for layer in plan.images[0].layers for part in layer.parts if isinstance(part, DebPart))
    return f" bytecode {bytecode.RECIPE} {interpreter_version(debs)}"


def _weight(part: Part) -> int:
    """About how much work a part is, in bytes to read."""
    if isinstance(part, DataPart):
        return part.data.size
    file = _locked_file(part)
    return file.size if file else 1


def _locked_file(part: Part) -> LockedFile | None:
    if isinstance(part, DebPart):
        return part.deb.file
    if isinstance(part, WheelPart):
        return part.wheel.file_for(part.platform) if part.platform else part.wheel.files[0][1]
    return part.data.file if isinstance(part, DataPart) else None


def _locked_files(
    plan: Plan, interpreter: Sequence[LockedDeb], files: Mapping[str, Path]
) -> Iterator[tuple[Path, str, str]]:
    """(path, sha256, name) of everything that was downloaded for the build."""
    parts = [part for image in plan.images for layer in image.layers for part in layer.parts]
    for file in {*map(_locked_file, parts), *(deb.file for deb in interpreter)}:
        if file and file.sha256 in files:
            yield files[file.sha256], file.sha256, file.name


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
