"""The quick health check: one line, every fault in it."""

from __future__ import annotations

import shutil
from pathlib import Path

from floe_images.runtime.check import check


def test_all_is_well_and_nothing_is_left_behind(inside: dict[str, str], tmp_path: Path) -> None:
    assert check(quick=True, environ=inside) == (True, "ok: flights, target dev")
    assert list((tmp_path / "state").iterdir()) == []


def test_every_fault_is_named_on_one_line(inside: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "data/flights.csv").unlink()
    (tmp_path / "project/transform/dbt_project.yml").unlink()
    shutil.rmtree(tmp_path / "state")
    assert check(quick=True, environ=inside) == (
        False,
        f"not able to work: no dbt project in {tmp_path}/project/transform; no data file {tmp_path}/data/flights.csv; "
        f"{tmp_path}/state cannot be written: No such file or directory",
    )


def test_artifacts_that_are_not_there(inside: dict[str, str]) -> None:
    well, line = check(quick=True, environ={**inside, "FLOE_ARTIFACTS": "/nowhere.json"})
    assert not well
    assert line == "not able to work: /nowhere.json: the artifacts cannot be read: No such file or directory"
