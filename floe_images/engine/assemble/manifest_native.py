"""The image's own dbt, run on this machine from its unpacked files: no chroot, no root, no container, no network.

The child has an environment of its own, sees the project and the packages read-only, and ends with its parent.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path

from floe_images.engine.assemble.fragment import Fragment
from floe_images.engine.assemble.interpreter import command
from floe_images.engine.assemble.layer import DamagedFragmentError
from floe_images.engine.assemble.manifest import TIME_LIMIT, ParseOrder
from floe_images.engine.assemble.unpacked import put_together, unpack, unpack_to
from floe_images.engine.store import Store
from floe_images.errors import CancelledError, InterpreterError
from floe_images.plan.model import ImagePlan, Part
from floe_images.plan.places import FLOE

_POLL = 0.2


def parse_here(order: ParseOrder, fragment: Callable[[Part], Fragment], store: Store, stop: threading.Event) -> bytes:
    """What ``manifest_worker`` answers, run by the dbt of ``order.image``, whose platform is this machine's.

    ``fragment`` makes a part's fragment, or finds it in the cache; ``stop`` ends what runs. Raises InterpreterError,
    CancelledError, DiskError, and what ``fragment`` raises.
    """
    with store.folder("manifest") as given:
        folder = given.resolve()
        tree = _whole(lambda: _code(order, fragment, store, stop), store).resolve()
        home = _whole(lambda: _home(order, fragment, store, stop, folder / "root"), store) / FLOE
        scratch = folder / "tmp"
        scratch.mkdir()
        places = ((str(home), f"/{FLOE}"), (str(scratch), "/tmp"), (str(tree), ""))  # noqa: S108
        text = order.text(places=places, guarded=True)
        argv = [*command(tree, order.image.platform), "-s", "-P", "-B", "-W", "ignore", "-c", worker_source(), text]
        return _run(argv, _environment(order.image, tree, home=home, scratch=scratch), scratch, stop)


def _code(order: ParseOrder, fragment: Callable[[Part], Fragment], store: Store, stop: threading.Event) -> Path:
    return put_together([unpack(fragment(part), store, stop=stop) for part in order.code], store)


def _home(
    order: ParseOrder, fragment: Callable[[Part], Fragment], store: Store, stop: threading.Event, root: Path
) -> Path:
    shutil.rmtree(root, ignore_errors=True)
    for part in order.home:
        unpack_to(root, fragment(part), store, stop=stop)
    return root


def _whole(make: Callable[[], Path], store: Store) -> Path:
    """Again where a fragment of the cache turned out to be damaged."""
    while True:
        try:
            return make()
        except DamagedFragmentError as damaged:
            store.path("fragments", damaged.key).unlink(missing_ok=True)


def _run(argv: list[str], env: Mapping[str, str], scratch: Path, stop: threading.Event) -> bytes:
    reader, writer = os.pipe()  # that the parent lives is that its end of this is open
    try:
        with (
            open(scratch / "stderr", "w+b") as said,
            subprocess.Popen(
                argv, env=dict(env), cwd=scratch, stdin=reader, stdout=subprocess.PIPE, stderr=said
            ) as process,
        ):
            answer = _wait(process, stop)
            if process.returncode == 0:
                return answer
            said.seek(0)
            lines = said.read().decode("utf-8", "replace").strip().splitlines()
    except OSError as error:
        raise InterpreterError(f"the image's Python cannot be started: {error.strerror}") from error
    finally:
        os.close(reader)
        os.close(writer)
    raise InterpreterError(ended(process.returncode, lines), where="manifest")


def _wait(process: subprocess.Popen[bytes], stop: threading.Event) -> bytes:
    end = time.monotonic() + TIME_LIMIT
    while True:
        try:
            return process.communicate(timeout=_POLL)[0]
        except subprocess.TimeoutExpired:
            if not stop.is_set() and time.monotonic() < end:
                continue
        process.kill()
        if stop.is_set():
            raise CancelledError("stopped")
        raise InterpreterError(f"dbt did not read the project within {TIME_LIMIT // 60} minutes", where="manifest")


def ended(code: int, lines: Sequence[str]) -> str:
    """``lines`` are what it had said on stderr."""
    return f"the image's dbt ended with {code}{f': {lines[-1]}' if lines else ''}"


def worker_source() -> str:
    """The text that the interpreter runs; it lies in this package as data and is never imported here."""
    return resources.files("floe_images.engine.assemble").joinpath("manifest_worker.py").read_text("utf-8")


def _environment(image: ImagePlan, tree: Path, *, home: Path, scratch: Path) -> dict[str, str]:
    """What a container of the image has, but for where things lie; the project itself sees a container's. A home that
    nobody has: what lies in one must not matter, nor who else may write to /tmp."""
    return {
        **dict(image.config.env),
        "DBT_LOG_PATH": str(scratch / "logs"),
        "DBT_TARGET_PATH": str(scratch / "target"),
        "FLOE_HOME": str(home),
        "FLOE_SECRETS_DIR": str(scratch / "secrets"),
        "HOME": "/nonexistent",
        "PYTHONHASHSEED": "0",
        "PYTHONHOME": str(tree / "usr"),
        "PYTHONTZPATH": str(tree / "usr/share/zoneinfo"),
        "TMPDIR": str(scratch),
        "TZDIR": str(tree / "usr/share/zoneinfo"),
    }
