"""`floe build`: what is refused before anything is looked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.cli.test_main import floe

SECRET = "hunter2"
YAML = """\
version: "1.0"
name: small
adapters: [duckdb]
targets: {dev: {adapter: duckdb, path: /tmp/x.duckdb}}
default_target: dev
transforms: [{type: dbt, path: transform}]
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLOE_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "floe.yaml").write_text(YAML)
    (tmp_path / "transform").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--source", f"https://u:{SECRET}@h/x", "an address may not carry a user name, a password, ? or #"),
        ("--source", f"ssh://{SECRET}", "must be an address that begins with https:// or http://"),
        ("--revision", f"{SECRET} x", "must be a revision of letters, digits and . _ / + -"),
    ],
)
def test_labels_are_held_against_the_types_of_floe_yaml(option: str, value: str, says: str) -> None:
    assert floe("build", option, value) == (2, "", f"error: {option}: {says}\n")


def test_only_platforms_that_images_are_made_for() -> None:
    outcome = floe("build", "--platform", "linux/riscv64")
    assert outcome.code == 2
    assert "'linux/riscv64' is not one of 'linux/amd64', 'linux/arm64'" in outcome.err


@pytest.mark.parametrize("output", ["transform", "transform/out", "link"])
def test_archives_do_not_go_into_a_transform(project: Path, output: str) -> None:
    (project / "link").symlink_to("transform")
    assert floe("build", "--locked", "--output", output) == (
        2,
        "",
        f"error: --output {output} lies in the transform transform, and all of that goes into the image\n"
        "hint: choose a folder outside of it\n",
    )
    assert floe("build", "--locked", "--output", "out").code == 10


@pytest.mark.parametrize("place", [".floe", ".floe/image"])
def test_a_file_in_the_layouts_place_is_named_before_the_work(project: Path, place: str) -> None:
    (project / place).parent.mkdir(exist_ok=True)
    (project / place).write_text("")
    outcome = floe("build", "--locked")
    assert outcome.code == 51
    assert (
        outcome.err.splitlines()[0] == f"error: {place}: is in the way: floe keeps the image in a folder of that name"
    )


def test_a_lock_that_is_a_pipe_is_not_opened(project: Path) -> None:
    os.mkfifo(project / "floe.lock")
    for verb in (("build",), ("lock",), ("lock", "--check")):
        assert floe(*verb) == (51, "", "error: floe.lock: is not a file\nhint: move it away, and run `floe lock`\n")


@pytest.mark.parametrize("epoch", ["9" * 5000, "-1", "1e3", "99999999999"])
def test_an_epoch_that_is_none(epoch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    assert floe("build").err.startswith("error: SOURCE_DATE_EPOCH is not a number of seconds\n")
