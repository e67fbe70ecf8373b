"""The environment of `floe run`, made for real with uv from the tiny project's lock and mirror."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from floe_images.engine.environment import make
from floe_images.engine.environment.host import find_python
from floe_images.engine.environment.make import Environment, make_environment
from floe_images.engine.fetch.reach import Reach, find_reach
from floe_images.engine.store import Store
from floe_images.errors import NotCachedError, ResolveError, WrongHashError
from floe_images.lock.model import Lock, LockedWheel
from floe_images.lock.reader import read_lock
from floe_images.lock.requirements import python_requirements
from floe_images.progress import Silent
from floe_images.spec.load import load_spec
from tests.offline.conftest import Built
from tests.support.mirror_floe import copy_cache
from tests.support.mirror_tiny import tiny_index

pytestmark = pytest.mark.network

_LIST = (
    "import importlib.metadata as m, json, sys;"
    "print(json.dumps({d.metadata['Name']: d.version for d in m.distributions()} | {'prefix': sys.prefix}))"
)


class Notes(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


def no_reach() -> Reach:
    raise AssertionError("the mirrors are looked for")


def lock_of(built: Built) -> Lock:
    return read_lock(built.lock, "floe.lock")


def requirements_of(project: Path) -> tuple[str, ...]:
    return python_requirements(load_spec(project / "floe.yaml").spec)


def store_of(built: Built, folder: Path) -> Store:
    return Store(copy_cache(built.cache, folder, "downloads"))


def installed(environment: Environment) -> dict[str, str]:
    env = {"PYTHONPATH": str(environment.runtime)}
    done = subprocess.run([environment.python, "-c", _LIST], env=env, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_the_locked_files_without_any_network(built: Built, tmp_path: Path) -> None:
    store, lock = store_of(built, tmp_path / "cache"), lock_of(built)
    requirements = requirements_of(built.project)
    environment = make_environment(lock, requirements, reach=no_reach, store=store, progress=Notes(), frozen=True)
    found = installed(environment)
    assert found.pop("prefix") == str(environment.folder)
    assert found.pop("floe-runtime")
    assert found == {wheel.name: wheel.version for wheel in lock.wheels}
    assert environment.exact
    # No path of the making is left: neither in bytecode nor in what says where a package came from.
    left = [path for path in environment.folder.rglob("*") if path.is_file() and b"cache/tmp/" in path.read_bytes()]
    assert left == []
    sources = sorted(path for path in environment.site.rglob("*.py") if "__pycache__" not in path.parts)
    assert sources
    assert [path for path in sources if not list((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"))] == []
    assert list((store.root / "tmp").iterdir()) == []
    again = make_environment(lock, requirements, reach=no_reach, store=store, progress=Notes(), frozen=True)
    assert again == environment


def test_a_file_that_is_missing_or_damaged(built: Built, tmp_path: Path) -> None:
    store, lock = store_of(built, tmp_path / "cache"), lock_of(built)
    wheel = lock.wheels[0]
    path = store.path("downloads", wheel.files[0][1].sha256)
    size = path.stat().st_size
    path.unlink()  # its bytes are those of the session's cache, too
    path.write_bytes(b"x" * size)
    with pytest.raises(WrongHashError, match="damaged in the cache"):
        make_environment(lock, (), reach=no_reach, store=store, progress=Notes(), frozen=True)
    reach = lambda: find_reach(load_spec(built.project / "floe.yaml").spec.image.mirrors, built.project)  # noqa: E731
    with pytest.raises(NotCachedError, match=wheel.files[0][1].name):
        make_environment(lock, (), reach=reach, store=store, progress=Notes(), frozen=True)
    assert not (store.root / "environments").exists()
    assert make_environment(lock, (), reach=reach, store=store, progress=Notes()).exact


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that the locked files do not run on, with a Python of its own."""
    found = dataclasses.replace(find_python("3.11"), glibc=(), wanted=False)
    monkeypatch.setattr(make, "find_python", lambda wanted: found)


@pytest.mark.usefixtures("elsewhere")
def test_on_another_machine_the_locked_versions_come_from_the_index(built: Built, tmp_path: Path) -> None:
    lock, notes, store = lock_of(built), Notes(), Store(tmp_path / "cache")
    spec = load_spec(built.project / "floe.yaml").spec
    environment = make_environment(
        lock,
        python_requirements(spec),
        reach=lambda: find_reach(spec.image.mirrors, built.project),
        store=store,
        progress=notes,
    )
    found = installed(environment)
    assert {name: found.get(name) for name in ("dbt-core", "duckdb")} == {
        wheel.name: wheel.version for wheel in lock.wheels if wheel.name in ("dbt-core", "duckdb")
    }
    assert not environment.exact
    assert notes.said == [
        f"making an environment of {len(lock.wheels)} locked versions for {sys.platform} "
        f"{environment.host.machine}; there is no Python 3.11 here, so with {environment.host.short}; these are not "
        "the files that the image has"
    ]
    other = dataclasses.replace(lock, wheels=lock.wheels[1:])
    with pytest.raises(NotCachedError, match="do not run on this machine"):
        make_environment(other, (), reach=no_reach, store=store, progress=Notes(), frozen=True)


@pytest.mark.usefixtures("elsewhere")
def test_a_pin_without_a_wheel_for_the_machine_is_named(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support.mirror_tiny import write_wheel

    index = tiny_index(tmp_path / "index")
    write_wheel(index, "only-arm", "2.0", machine="aarch64")
    lock = dataclasses.replace(lock_of(built), wheels=(LockedWheel(name="only-arm", version="2.0", files=()),))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(index))
    reach = lambda: find_reach(load_spec(index.parent / "index-project/floe.yaml").spec.image.mirrors, tmp_path)  # noqa: E731
    with pytest.raises(ResolveError) as caught:
        make_environment(lock, ("only-arm",), reach=reach, store=Store(tmp_path / "c"), progress=Notes())
    host = find_python("3.11")
    assert str(caught.value) == (
        f"floe.lock: only-arm 2.0 has no wheel for this machine ({host.system} {host.machine}, Python {host.short})"
    )
    assert caught.value.hint is not None
    assert "--in-container" in caught.value.hint
    assert not (tmp_path / "c" / "environments").exists()
