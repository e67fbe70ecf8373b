"""The lock that says that a run's process is there: held to the process' end, unless other processes run its steps."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from floe_images.runtime.assets import alive as module
from floe_images.runtime.assets.alive import alive, whole_run


@pytest.fixture(autouse=True)
def _nothing_is_held() -> Iterator[None]:
    yield
    while module._HELD:
        os.close(module._HELD.popitem()[1])


def free(file: Path) -> bool:
    with file.open("r+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def test_a_whole_run_holds_it_after_its_last_operation_and_until_another_begins(tmp_path: Path) -> None:
    with alive(tmp_path, "one", whole=True):
        assert not free(tmp_path / "one")
    assert not free(tmp_path / "one")  # how it ended is recorded now
    with alive(tmp_path, "one", whole=True):  # a second operation
        assert not free(tmp_path / "one")
    with alive(tmp_path, "two", whole=True):
        assert (free(tmp_path / "one"), free(tmp_path / "two")) == (True, False)


def test_it_is_left_where_the_end_could_not_be_recorded(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError), alive(tmp_path, "one", whole=True):
        raise ConnectionError
    assert not free(tmp_path / "one")


def test_a_step_in_a_process_of_its_own_takes_it_away(tmp_path: Path) -> None:
    with alive(tmp_path, "one", whole=False):
        assert not free(tmp_path / "one")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("executor", "whole"),
    [
        ("in_process", True),
        ("execute_in_process_executor", True),
        ("multiprocess", False),
        ("multi_or_in_process_executor", False),
    ],
)
def test_whose_process_it_is(executor: str, whole: bool) -> None:
    assert whole_run(SimpleNamespace(executor_def=SimpleNamespace(name=executor))) is whole
