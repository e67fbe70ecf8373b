"""The worker, run by the Python that runs the tests: the protocol and the recipe are the same as in an image."""

from __future__ import annotations

import importlib.util
import marshal
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from types import CodeType

import pytest

from floe_images.engine.assemble import bytecode
from floe_images.engine.assemble.bytecode import Compiler, Worker, bytecode_path
from floe_images.engine.assemble.entry import Entries, Entry
from floe_images.engine.assemble.interpreter import Interpreter
from floe_images.errors import InterpreterError

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or sys.version_info < (3, 11), reason="the worker forks and is run with -P"
)

HERE = Interpreter(argv=(sys.executable,), env={"PYTHONHASHSEED": "0"})
SITE = "usr/local/lib/python3.11/dist-packages"
SOURCES = sorted((Path(os.__file__).parent / "json").glob("*.py")) + sorted(Path(os.__file__).parent.glob("[a-h]*.py"))


def part(sources: dict[str, bytes]) -> Entries:
    for path, source in sources.items():
        yield Entry(path=path, kind="file", mode=0o644, size=len(source)), lambda source=source: (source,)


def compiled(compiler: Compiler, sources: dict[str, bytes]) -> dict[str, bytes]:
    found = {entry.path: b"".join(content()) for entry, content in compiler.add_bytecode(part(sources))}
    assert all(found[path] == source for path, source in sources.items())
    return {path: data for path, data in found.items() if path not in sources}


def parts() -> list[dict[str, bytes]]:
    """Some real sources, split into parts of five."""
    return [
        {f"{SITE}/p{start}/{path.name}": path.read_bytes() for path in SOURCES[start : start + 5]}
        for start in range(0, 50, 5)
    ]


def test_a_pyc_is_what_the_interpreter_takes() -> None:
    source = b"VALUE = 6 * 7\n"
    worker = Worker(HERE)
    worker.begin()
    data = worker.compile(f"{SITE}/one.py", source)
    worker.close()
    assert data is not None
    assert data[:4] == importlib.util.MAGIC_NUMBER
    assert data[4:8] == b"\1\0\0\0"  # PEP 552: by hash, unchecked
    assert data[8:16] == importlib.util.source_hash(source)
    code = marshal.loads(data[16:])
    assert isinstance(code, CodeType)
    assert code.co_filename == f"/{SITE}/one.py"
    names: dict[str, object] = {}
    exec(code, names)
    assert names["VALUE"] == 42


def test_the_order_of_parts_does_not_matter() -> None:
    wanted = {}
    for sources in parts():  # each alone, in a process of its own
        compiler = Compiler(lambda: HERE)
        wanted.update(compiled(compiler, sources))
        compiler.close()
    assert len(wanted) == 50
    for seed in range(4):
        shuffled = parts()
        random.Random(seed).shuffle(shuffled)
        compiler = Compiler(lambda: HERE)
        found: dict[str, bytes] = {}
        for sources in shuffled:
            found.update(compiled(compiler, sources))
        compiler.close()
        assert found == wanted


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="later interpreters behave otherwise; images have 3.11")
@pytest.mark.parametrize(("warmed", "fork"), [(True, True), (True, False), (False, True), (False, False)])
def test_state_leaks_only_without_warming_and_fork(monkeypatch: pytest.MonkeyPatch, warmed: bool, fork: bool) -> None:
    """A one-letter name is interned for good when first compiled, and marshal writes an interned string otherwise."""
    text = bytecode.worker_source()
    cold = text.replace("range(256)", "range(0)")
    assert cold != text
    monkeypatch.setattr(bytecode, "worker_source", lambda: text if warmed else cold)
    source = "letter = 'é'\n".encode()
    worker = Worker(HERE)
    worker.begin()
    first = worker.compile(f"{SITE}/one.py", source)
    worker.compile(f"{SITE}/two.py", "é = 1\n".encode())
    if fork:
        worker.end()
        worker.begin()
    second = worker.compile(f"{SITE}/one.py", source)
    worker.close()
    assert first is not None
    assert (first == second) is (warmed or fork)


def test_what_does_not_compile_is_counted() -> None:
    compiler = Compiler(lambda: HERE)
    sources = {
        f"{SITE}/a.py": b"print 'two'\n",
        f"{SITE}/b.py": b"{{ template }} = {%\n",
        f"{SITE}/c.py": b"x = '\xff'\n",
        f"{SITE}/d.py": b"x = 1\0\n",
        f"{SITE}/e.py": b"",
    }
    assert list(compiled(compiler, sources)) == [f"{SITE}/__pycache__/e.cpython-311.pyc"]
    assert compiler.skipped == 4
    compiler.close()


def test_only_sources_that_the_interpreter_imports() -> None:
    compiler = Compiler(lambda: pytest.fail("nothing is to be compiled"))
    sources = {
        "opt/floe/project/models/x.py": b"x = 1\n",
        "usr/local/bin/tool.py": b"x = 1\n",
        f"{SITE}/notes.txt": b"x\n",
    }
    assert compiled(compiler, sources) == {}


def test_bytecode_that_arrives_is_dropped() -> None:
    compiler = Compiler(lambda: HERE)
    arriving = part({f"{SITE}/__pycache__/a.cpython-311.pyc": b"old", f"{SITE}/a.py": b"x = 1\n"})
    found = {entry.path: b"".join(content()) for entry, content in compiler.add_bytecode(arriving)}
    compiler.close()
    assert list(found) == [f"{SITE}/a.py", f"{SITE}/__pycache__/a.cpython-311.pyc"]
    assert found[f"{SITE}/__pycache__/a.cpython-311.pyc"] != b"old"


def test_the_name_beside_the_source() -> None:
    assert bytecode_path("usr/lib/python3.11/json/__init__.py") == (
        "usr/lib/python3.11/json/__pycache__/__init__.cpython-311.pyc"
    )


def test_an_interpreter_that_cannot_run_is_one_line() -> None:
    with pytest.raises(InterpreterError, match="cannot be started"):
        Worker(Interpreter(argv=("/nowhere/python",), env={}))
    worker = Worker(Interpreter(argv=("/bin/sh", "-c", "echo broken >&2; exit 7", "sh"), env={}))
    with pytest.raises(InterpreterError, match=r"ended with 7: broken$"):
        worker.compile("a.py", b"")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_a_worker_ends_with_its_parent() -> None:
    code = (
        "import os, sys; from tests.unit.assemble_core.test_bytecode import HERE, Worker\n"
        "worker = Worker(HERE); worker.begin(); worker.compile('a.py', b'x = 1')\n"
        "print(worker._process.pid, flush=True); sys.stdin.read()\n"
    )
    root = Path(__file__).parents[3]
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    os.kill(child, 0)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while _alive(child):
        assert time.monotonic() < deadline, "the worker outlives its parent"
        time.sleep(0.05)


def _alive(process: int) -> bool:
    """Not gone and not a zombie that nobody collects."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_large_source_answers_like_any_other() -> None:
    large = b"".join(b"value_%d = [%d, 'text %d']\n" % (number, number, number) for number in range(10_000))
    assert len(large) > 1 << 18
    compiler = Compiler(lambda: HERE)
    found = compiled(compiler, {f"{SITE}/large.py": large, f"{SITE}/small.py": b"x = 1\n"})
    compiler.close()
    code = marshal.loads(found[f"{SITE}/__pycache__/large.cpython-311.pyc"][16:])
    assert "value_9999" in code.co_names
    assert len(found) == 2
