"""`import floe_images`: cheap, and every name of it is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import floe_images
from floe_images.errors import UsageError
from floe_images.spec.load import load_spec


def test_importing_it_imports_nothing_else_of_ours() -> None:
    code = "import sys, floe_images; print([name for name in sys.modules if name.startswith('floe_images.')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("name", sorted({*floe_images.__all__} - {"definitions"}))
def test_every_name_is_there(name: str) -> None:
    assert getattr(floe_images, name)
    assert name in dir(floe_images)


def test_the_names_are_those_of_the_functions_that_the_verbs_call() -> None:
    assert floe_images.load_spec is load_spec
    assert floe_images._WHERE.keys() | {"__version__"} == set(floe_images.__all__)


def test_definitions_says_what_is_missing_where_there_is_no_dagster() -> None:
    with pytest.raises(UsageError, match="definitions needs dagster, which is not installed here"):
        _ = floe_images.definitions


def test_load_spec_takes_a_path_in_either_form_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"takes the path of a floe\.yaml, and not its text"):
        load_spec("name: demo\n")
    for missing in (tmp_path / "none.yaml", str(tmp_path / "none.yaml")):
        with pytest.raises(UsageError, match=r"there is no .*none\.yaml"):
            load_spec(missing)


def test_anything_else_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'floe_images' has no attribute 'build'"):
        _ = floe_images.build  # type: ignore[attr-defined]
