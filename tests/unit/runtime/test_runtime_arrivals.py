"""Which files have arrived: new ones and changed ones, when nobody writes to them any more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from floe_images.runtime.assets.arrivals import from_cursor, look, to_cursor

SECOND = 10**9
NOW = 1_000 * SECOND


def _put(file: Path, text: str, changed: int) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    os.utime(file, ns=(changed, changed))
    return str(file)


def test_a_file_arrives_once_and_again_when_it_has_changed(tmp_path: Path) -> None:
    file = _put(tmp_path / "a.csv", "1", NOW - 10 * SECOND)
    first = look(f"{tmp_path}/*.csv", {}, now=NOW)
    assert (first.arrived, first.waiting) == ((file,), ())
    again = look(f"{tmp_path}/*.csv", from_cursor(to_cursor(first.seen)), now=NOW)
    assert (again.arrived, again.seen) == ((), first.seen)
    _put(tmp_path / "a.csv", "22", NOW - 5 * SECOND)
    changed = look(f"{tmp_path}/*.csv", again.seen, now=NOW)
    assert changed.arrived == (file,)
    assert changed.key != first.key


def test_a_file_that_is_being_written_is_waited_for(tmp_path: Path) -> None:
    file = _put(tmp_path / "a.csv", "1", NOW - SECOND)
    early = look(f"{tmp_path}/*.csv", {}, now=NOW)
    assert (early.arrived, early.waiting, dict(early.seen)) == ((), (file,), {})
    assert look(f"{tmp_path}/*.csv", early.seen, now=NOW + 5 * SECOND).arrived == (file,)


def test_a_file_that_went_and_came_back_arrives_again(tmp_path: Path) -> None:
    file = _put(tmp_path / "a.csv", "1", NOW - 10 * SECOND)
    seen = look(f"{tmp_path}/*.csv", {}, now=NOW).seen
    Path(file).unlink()
    gone = look(f"{tmp_path}/*.csv", seen, now=NOW)
    assert (gone.arrived, dict(gone.seen)) == ((), {})
    _put(tmp_path / "a.csv", "1", NOW - 10 * SECOND)
    assert look(f"{tmp_path}/*.csv", gone.seen, now=NOW).arrived == (file,)


def test_stars_match_within_a_name_and_nothing_else_is_a_pattern(tmp_path: Path) -> None:
    old = NOW - 10 * SECOND
    deep = _put(tmp_path / "x/one/a.csv", "1", old)
    _put(tmp_path / "x/one/two/b.csv", "1", old)
    _put(tmp_path / "x/one/.hidden.csv", "1", old)
    (tmp_path / "x/one/folder.csv").mkdir()
    assert look(f"{tmp_path}/x/*/*.csv", {}, now=NOW).arrived == (deep,)
    plain = _put(tmp_path / "y/[ab].csv", "1", old)
    _put(tmp_path / "y/a.csv", "1", old)
    assert look(f"{tmp_path}/y/[ab].csv", {}, now=NOW).arrived == (plain,)


@pytest.mark.parametrize("cursor", [None, "", "not json", "[]", '{"a": 1}'])
def test_a_cursor_that_is_not_ours_has_seen_nothing(cursor: str | None) -> None:
    assert from_cursor(cursor) == {}
