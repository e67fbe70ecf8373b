"""Which files compose is given: those of the project, and what says in which order they start where it holds."""

from __future__ import annotations

from pathlib import Path

from floe_images.engine.compose import ORDER, ComposeProject


def test_what_a_file_waits_for_in_others_goes_with_it(tmp_path: Path) -> None:
    dagster, lake = tmp_path / "dagster.yaml", tmp_path / "lake.yaml"
    order = tmp_path / ORDER / "dagster.yaml"
    order.parent.mkdir()
    for file in (dagster, lake, order):
        file.touch()
    assert ComposeProject(name="x", files=(dagster, lake)).given == [dagster, lake, order]
    assert ComposeProject(name="x", files=(lake,)).given == [lake]
