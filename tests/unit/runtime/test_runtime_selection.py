"""What a selection selects is asked of dbt once and then remembered; no dbt is needed to remember."""

from __future__ import annotations

from pathlib import Path

import pytest

from floe_images.errors import ProjectError
from floe_images.runtime.assets import selection
from floe_images.runtime.assets.names import op_name, plain_name, unlike
from floe_images.runtime.assets.selection import Selection, resolve


def test_dbt_is_asked_once_for_all_and_again_for_another_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(question: str, manifest: Path) -> list[list[str]]:
        asked.append(question)
        return [["model.a"], ["model.b", "test.c"]]

    monkeypatch.setattr(selection, "_ask", ask)
    manifest = tmp_path / "manifest.json"
    manifest.write_text("{}")
    first, second = Selection(select=("a",)), Selection(select=("b",), exclude=("d",))
    for _ in range(2):
        found = resolve([second, first, first], manifest=manifest, scratch=tmp_path)
        assert found == {first: frozenset({"model.a"}), second: frozenset({"model.b", "test.c"})}
    assert asked == ['[{"select": ["a"], "exclude": []}, {"select": ["b"], "exclude": ["d"]}]']
    manifest.write_text('{"changed": 1}')
    resolve([first, second], manifest=manifest, scratch=tmp_path)
    assert len(asked) == 2


def test_what_cannot_be_asked_is_one_line(tmp_path: Path) -> None:
    """There is no dbt in this environment: the process that is asked ends with an error."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text("{}")
    with pytest.raises(ProjectError) as raised:
        resolve([Selection(select=("a",))], manifest=manifest, scratch=tmp_path)
    assert "\n" not in raised.value.message
    assert "dbt" in raised.value.message


def test_names_are_dagsters() -> None:
    assert plain_name("my-nightly.run") == "my_nightly_run"
    assert op_name("project/a/b-c") == "dbt_a_b_c"
    assert unlike("all", {"all", "all_"}) == "all__"
