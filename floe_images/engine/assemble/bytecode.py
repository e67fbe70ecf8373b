"""Bytecode for the image's Python sources, made by the image's own interpreter in processes that outlive their parts.

The .pyc files are unchecked-hash ones (PEP 552): valid whatever time their source has.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from importlib import resources

from floe_images.engine.assemble.entry import Content, Entries, Entry
from floe_images.engine.assemble.interpreter import Interpreter
from floe_images.errors import InterpreterError
from floe_images.plan.places import PYTHON

# What a change of the recipe (here or in the worker) makes other bytes of.
RECIPE = 1
_PLACES = (f"usr/lib/python{PYTHON}/", "usr/lib/python3/dist-packages/", f"usr/local/lib/python{PYTHON}/")
_TAG = f"cpython-{PYTHON.replace('.', '')}"
_LARGEST_SOURCE = 64 << 20
# The compiler needs about 60 times the source's size: of large sources one at a time.
_LARGE_SOURCE = 1 << 18
_one_large = threading.Lock()


class Worker:
    """One process of the interpreter. It ends when its stdin closes, so it cannot outlive a killed parent."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                [*interpreter.argv, "-S", "-s", "-P", "-B", "-W", "ignore", "-c", worker_source()],
                env=dict(interpreter.env),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
            )
        except OSError as error:
            raise InterpreterError(
                f"the image's Python cannot be started: {error.strerror}", hint="make an image without: --no-bytecode"
            ) from error

    def begin(self) -> None:
        self._send(b"P", "its start")

    def compile(self, path: str, source: bytes) -> bytes | None:
        """The .pyc of ``source`` as the image's ``path`` (canonical); None where it does not compile.

        Raises InterpreterError where the process died.
        """
        name = f"/{path}".encode()
        lengths = len(name).to_bytes(4, "little"), len(source).to_bytes(4, "little")
        self._send(b"C" + lengths[0] + name + lengths[1] + source, path)
        data = self._receive(int.from_bytes(self._receive(4, path), "little"), path)
        return data or None

    def end(self) -> None:
        self._send(b"E", "its end")

    def close(self) -> None:
        """End the process at once. May be called from another thread than the one that uses it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError, ValueError):
                    stream.close()
        self._errors.close()

    def _send(self, data: bytes, what: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise self._died(what) from error

    def _receive(self, size: int, what: str) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(size)
        if len(data) < size:
            raise self._died(what)
        return data

    def _died(self, what: str) -> InterpreterError:
        self._process.kill()
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read(1 << 16).decode("utf-8", "replace").strip().splitlines()
        said = f": {lines[-1]}" if lines else ""
        return InterpreterError(
            f"the image's Python ended with {code}{said}", where=what, hint="make an image without: --no-bytecode"
        )


class Compiler:
    """A worker for each thread that asks, started when it asks; ``interpreter`` is called once, by the first."""

    def __init__(self, interpreter: Callable[[], Interpreter], *, started: Callable[[], None] = lambda: None) -> None:
        self._interpreter, self._started = interpreter, started
        self._lock = threading.Lock()
        self._ready: Interpreter | None = None
        self._mine = threading.local()
        self._workers: list[Worker] = []
        self._closed = False
        self.skipped = 0  # sources that do not compile: templates, Python 2, tests of parsers

    def add_bytecode(self, entries: Entries) -> Entries:
        """``entries`` with the .pyc after each source in the interpreter's folders; .pyc files that arrive are dropped.

        Raises InterpreterError.
        """
        worker: Worker | None = None
        for entry, content in entries:
            if _is_bytecode(entry):
                continue
            if not _is_source(entry):
                yield entry, content
                continue
            source = b"".join(content())
            yield entry, _constant(source)
            if worker is None:
                worker = self._worker()
                worker.begin()
            with _one_large if len(source) > _LARGE_SOURCE else contextlib.nullcontext():
                data = worker.compile(entry.path, source)
            if data is None:
                with self._lock:
                    self.skipped += 1
                continue
            yield Entry(path=bytecode_path(entry.path), kind="file", mode=0o644, size=len(data)), _constant(data)
        if worker is not None:
            worker.end()

    def close(self) -> None:
        """End all workers; nothing can be compiled afterwards."""
        with self._lock:
            self._closed = True
            workers, self._workers = self._workers, []
        for worker in workers:
            worker.close()

    def _worker(self) -> Worker:
        worker: Worker | None = getattr(self._mine, "worker", None)
        if worker is not None:
            return worker
        with self._lock:
            if self._closed:
                raise InterpreterError("the build is stopping")
            if self._ready is None:
                self._started()
                self._ready = self._interpreter()
            worker = Worker(self._ready)
            self._workers.append(worker)
        self._mine.worker = worker
        return worker


@contextlib.contextmanager
def compiling(interpreter: Callable[[], Interpreter], started: Callable[[], None]) -> Iterator[Compiler]:
    """A Compiler whose workers have ended when the block ends."""
    compiler = Compiler(interpreter, started=started)
    try:
        yield compiler
    finally:
        compiler.close()


def worker_source() -> str:
    """The text that the interpreter runs; it lies in this package as data and is never imported here."""
    return resources.files("floe_images.engine.assemble").joinpath("bytecode_worker.py").read_text("utf-8")


def bytecode_path(source: str) -> str:
    """Where the interpreter looks for the bytecode of ``source`` (PEP 3147)."""
    folder, _, name = source.rpartition("/")
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.{_TAG}.pyc"


def _is_source(entry: Entry) -> bool:
    right = entry.kind == "file" and entry.path.endswith(".py") and entry.path.startswith(_PLACES)
    return right and entry.size <= _LARGEST_SOURCE


def _is_bytecode(entry: Entry) -> bool:
    return entry.path.endswith(".pyc") and entry.path.startswith(_PLACES) and "/__pycache__/" in entry.path


def _constant(data: bytes) -> Content:
    return lambda: (data,)
