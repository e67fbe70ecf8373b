"""`floe init` killed before each of its file operations: the old state or the new one, and a second run succeeds."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from floe_images.spec import schema
from tests.unit.cli.test_init import written
from tests.unit.cli.test_main import floe

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the victim is a fork of this process")

INIT = ("init", "--example", "flights", "--folder")
OPERATIONS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir")
STAGING = ".floe-init."


def killed_before(number: int, folder: Path) -> bool:
    """Run `floe init` in a fork that kills itself before its ``number``-th file operation near ``folder``; False where
    it came to its end."""
    child = os.fork()
    if child == 0:
        seen = 0

        def strike(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal seen
            if event in OPERATIONS and str(arguments[0]).startswith(str(folder.parent)):
                seen += 1
                if seen == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(strike)
        os._exit(floe(*INIT, str(folder)).code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code != 0


@pytest.fixture(autouse=True)
def _schema_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes most of the time of an `init`, and nothing is written meanwhile."""
    text = schema.schema_text()
    monkeypatch.setattr(schema, "schema_text", lambda: text)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole") / "flights"
    assert floe(*INIT, str(folder)).code == 0
    return written(folder)


def test_a_new_folder_is_there_with_all_files_or_not_at_all(whole: dict[str, bytes], tmp_path: Path) -> None:
    absent = number = 0
    while True:
        number += 1
        folder = tmp_path / str(number) / "flights"
        folder.parent.mkdir()
        killed = killed_before(number, folder)
        absent += not folder.exists()
        assert not folder.exists() or written(folder) == whole
        assert all(path == folder or path.name.startswith(STAGING) for path in folder.parent.iterdir())
        assert floe(*INIT, str(folder)).code == 0
        assert written(folder) == whole
        assert list(folder.parent.iterdir()) == [folder]
        if not killed:
            break
    assert absent > len(whole)  # each file is opened at least


def test_in_a_folder_that_is_there_floe_yaml_comes_last(whole: dict[str, bytes], tmp_path: Path) -> None:
    seen = set()
    number = 0
    while True:
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "mine.txt").write_text("mine")
        killed = killed_before(number, folder)
        left = {name: data for name, data in written(folder).items() if not name.startswith(STAGING)}
        assert left.pop("mine.txt") == b"mine"
        assert left.items() <= whole.items()
        assert ("floe.yaml" in left) == (left == whole)
        seen.add(len(left))
        assert floe(*INIT, str(folder)).code == 0
        assert written(folder) == whole | {"mine.txt": b"mine"}
        if not killed:
            break
    assert seen == set(range(len(whole) + 1))
