"""The image's own dbt, run in a container engine where this machine runs no program of the image.

It runs the hardened way, without a network, on the image as far as it is made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from floe_images.engine.assemble.interpreter import no_workshop
from floe_images.engine.assemble.manifest import ParseOrder
from floe_images.engine.assemble.manifest_native import ended, worker_source
from floe_images.engine.docker.connect import Engine, connect
from floe_images.engine.docker.load import load_archive
from floe_images.engine.docker.run import RunRequest, run
from floe_images.engine.docker.tidy import remove_image
from floe_images.engine.store import Store
from floe_images.errors import EngineError, InterpreterError
from floe_images.image.archive import write_archive
from floe_images.image.build import build_image
from floe_images.image.layer import LayerBlob
from floe_images.image.platform import Platform
from floe_images.image.reference import Reference
from floe_images.plan.model import LayerPlan, Plan
from floe_images.plan.places import INTERPRETER
from floe_images.progress import Progress

_NO_PROGRAM = "exec format error"  # execve(2), ENOEXEC
_LEFT_OUT = ("data", "manifest", "debug")


def parse_in_engine(
    order: ParseOrder,
    plan: Plan,
    made: Callable[[LayerPlan], LayerBlob],
    store: Store,
    progress: Progress,
    stop: threading.Event,
) -> bytes:
    """What ``manifest_worker`` answers. ``made`` waits for a layer of ``plan``; ``stop`` ends it, and leaves nothing.

    Raises InterpreterError where no engine answers or it runs none of the plan's platforms, EngineError,
    CancelledError when ``stop`` is set.
    """
    platforms = [image.platform for image in plan.images]
    try:
        engine = connect()
    except EngineError as error:
        raise no_workshop(platforms, error.message) from error
    with engine:
        own = Platform("linux", engine.architecture)
        # Else by qemu, where it is registered: there is no asking an engine for that.
        image = next((each for each in plan.images if each.platform == own), plan.images[0])
        # A name of its own, so that nobody's image is replaced and two builds do not meet.
        name = Reference.parse(f"localhost/floe-manifest:{store.temporary('manifest').name.rpartition('.')[2]}")
        archive = store.temporary("manifest")
        layers = [made(layer) for layer in image.layers if layer.name not in _LEFT_OUT]
        built = build_image(image.platform, layers, image.config, epoch=plan.epoch)
        try:
            write_archive(archive, built, reference=name, blob_path=lambda digest: store.path("blobs", digest.hex))
            loaded = load_archive(engine, archive, progress)
            foreign = None if image.platform == own else str(image.platform)
            answer = _run(order, engine, loaded.id, foreign, stop)
            if answer is None:
                raise no_workshop(platforms, f"the container engine runs {own} alone")
            return answer
        finally:
            archive.unlink(missing_ok=True)
            remove_image(engine, str(name))


def _run(order: ParseOrder, engine: Engine, image: str, foreign: str | None, stop: threading.Event) -> bytes | None:
    """None where the engine cannot run programs of the platform ``foreign`` (None: it is its own)."""
    answer, said = bytearray(), bytearray()

    def heard(stdout: bytes | None, stderr: bytes | None) -> None:
        answer.extend(stdout or b"")
        said.extend(stderr or b"")

    request = RunRequest(
        image=image,
        entrypoint=(INTERPRETER, "-s", "-P", "-B", "-W", "ignore", "-c", worker_source()),
        command=(order.text(places=(), guarded=False),),
        env=(("PYTHONHASHSEED", "0"),),
        platform=foreign,
    )
    try:
        outcome = run(engine, request, heard, stop=stop)
    except EngineError as error:
        if foreign and _NO_PROGRAM in error.message:
            return None
        raise
    if outcome.exit_code:
        lines = said.decode("utf-8", "replace").strip().splitlines()
        if foreign and lines and _NO_PROGRAM in lines[-1]:
            return None
        lines = ["it had not enough memory"] if outcome.out_of_memory else lines
        raise InterpreterError(ended(outcome.exit_code, lines), where="manifest")
    return bytes(answer)
