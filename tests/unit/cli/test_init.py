"""`floe init`: what is written, and what is never overwritten."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from floe_images.spec.load import load_spec
from floe_images.spec.schema import schema_text
from tests.unit.cli.test_main import floe

EXAMPLE = Path(__file__).parents[3] / "examples" / "flights"


def written(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_new_project_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = floe("init", "shop")
    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        ".gitignore",
        "transform/dbt_project.yml",
        "transform/models/words.sql",
        "transform/models/words.yml",
        "floe.schema.json",
        "floe.yaml",
    ]
    assert sorted(written(tmp_path)) == sorted(outcome.out.splitlines())
    spec = load_spec(tmp_path / "floe.yaml").spec
    assert (spec.name, spec.adapters, spec.default_target) == ("shop", ("duckdb",), "dev")
    assert (tmp_path / "floe.yaml").read_text().startswith("# yaml-language-server: $schema=floe.schema.json\n")
    assert (tmp_path / "floe.schema.json").read_text(encoding="utf-8") == schema_text()
    assert floe("validate").out.startswith("floe.yaml is valid: shop for linux/amd64, linux/arm64, adapters duckdb")


@pytest.mark.parametrize(
    ("folder", "name"), [("My Shop (2)", "my-shop-2"), ("2024", "pipeline"), ("a_b", "a-b"), ("x" * 80, "x" * 63)]
)
def test_the_name_comes_from_the_folder(tmp_path: Path, folder: str, name: str) -> None:
    assert floe("init", "--folder", str(tmp_path / folder)).code == 0
    assert load_spec(tmp_path / folder / "floe.yaml").spec.name == name


@pytest.mark.parametrize("name", ["Shop", "my shop", "1st", "a--b", "x" * 64, "../x", "a\n"])
def test_a_name_that_is_none(tmp_path: Path, name: str) -> None:
    outcome = floe("init", name, "--folder", str(tmp_path))
    assert outcome.code == 2
    assert outcome.err.startswith("error: a project's name is of lower-case letters")
    assert written(tmp_path) == {}


def test_nothing_is_overwritten_and_then_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "transform").mkdir()
    (tmp_path / "transform" / "dbt_project.yml").write_text("mine")
    (tmp_path / "floe.yaml").write_text("mine too")
    outcome = floe("init", "shop", "--folder", str(tmp_path))
    assert outcome.code == 2
    assert "error: these files are there already: transform/dbt_project.yml, floe.yaml\n" in outcome.err
    assert written(tmp_path) == {"floe.yaml": b"mine too", "transform/dbt_project.yml": b"mine"}


def test_a_dangling_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "floe.yaml").symlink_to(tmp_path / "elsewhere")
    assert floe("init", "shop", "--folder", str(tmp_path)).code == 2
    assert not (tmp_path / "elsewhere").exists()


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    assert floe("init", "shop", "--folder", str(tmp_path)).code == 0
    before = written(tmp_path)
    assert floe("init", "shop", "--folder", str(tmp_path)).code == 0
    assert written(tmp_path) == before


def test_the_example_is_copied(tmp_path: Path) -> None:
    outcome = floe("init", "--example", "flights", "--folder", str(tmp_path))
    assert outcome.code == 0
    files = written(tmp_path)
    for path in ("transform/dbt_project.yml", "transform/models/staging/stg_flights.sql"):
        assert files[path] == (EXAMPLE / path).read_bytes()
    assert files["floe.yaml"].endswith((EXAMPLE / "floe.yaml").read_bytes())
    assert load_spec(tmp_path / "floe.yaml").spec.data[0].place == "/opt/floe/data/flights.csv"
    assert ".floe/" in files[".gitignore"].decode().splitlines()


def test_an_example_that_is_none(tmp_path: Path) -> None:
    outcome = floe("init", "--example", "../flights", "--folder", str(tmp_path))
    assert outcome == (2, "", "error: there is no such example\nhint: there are: flights\n")


@pytest.mark.skipif(os.name != "posix", reason="a folder in the place of a file's folder is told otherwise")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = floe("init", "shop", "--folder", str(tmp_path / "file" / "inside"))
    assert outcome.code == 51
    assert outcome.err.startswith(f"error: {tmp_path}/file/inside: ")
    assert written(tmp_path) == {"file": b""}


def test_a_failure_in_the_middle_leaves_no_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    assert floe("init", "shop", "--folder", str(tmp_path)).code == 50
    assert list(tmp_path.iterdir()) == []
