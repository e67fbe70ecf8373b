"""What a distribution requires, read from wheels."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from floe_images.engine.assemble import required as module
from floe_images.engine.assemble.required import required
from floe_images.engine.assemble.wheel import WheelSource
from floe_images.engine.store import Store
from tests.support.wheels import AMD64, ARM64, source, wheel_bytes


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def wheels(**requires: list[str]) -> dict[str, tuple[WheelSource, str]]:
    made = {}
    for key, lines in requires.items():
        name = key.replace("_", "-")
        data = wheel_bytes(name, requires=lines)
        made[name] = (source(data, name), hashlib.sha256(data).hexdigest())
    return made


def test_what_is_required_and_what_that_requires(store: Store) -> None:
    there = wheels(
        dbt_core=["Jinja2>=3", "not-there"], jinja2=["markupsafe"], markupsafe=["dbt-core"], dagster=["jinja2"]
    )
    assert required(["dbt-core"], there, AMD64, store) == {"dbt-core", "jinja2", "markupsafe"}
    assert required(["Dagster", "absent"], there, AMD64, store) == set(there)


def test_markers_are_the_images_and_an_extra_counts_where_it_is_asked_for(store: Store) -> None:
    there = wheels(
        a=["b[fast] ; python_version < '3.12'", "w ; sys_platform == 'win32'", "arm ; platform_machine == 'aarch64'"],
        b=["quick ; extra == 'fast'", "slow ; extra == 'slow'"],
        quick=[], slow=[], w=[], arm=[],
    )  # fmt: skip
    assert required(["a"], there, AMD64, store) == {"a", "b", "quick"}
    assert required(["a"], there, ARM64, store) == {"a", "b", "quick", "arm"}


def test_a_line_that_is_no_requirement_is_passed_over(store: Store) -> None:
    there = wheels(a=["pytz (>dev)", "b"], b=[], pytz=[])
    assert required(["a"], there, AMD64, store) == {"a", "b"}


def test_the_answer_is_remembered_until_a_wheel_changes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    closure = module._closure
    monkeypatch.setattr(module, "_closure", lambda *given: asked.append(1) or closure(*given))
    for there, times in ((wheels(a=["b"], b=[]), 1), (wheels(a=["b"], b=[]), 1), (wheels(a=[], b=[]), 2)):
        required(["a"], there, AMD64, store)
        assert len(asked) == times
