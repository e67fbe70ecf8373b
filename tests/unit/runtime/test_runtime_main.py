"""``floe-runtime`` as a process that has only what the image carries."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import floe_images
from floe_images.artifacts.codec import decode
from floe_images.artifacts.model import CompiledArtifacts
from floe_images.errors import UsageError
from floe_images.runtime.dbt.role import choose_target


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``floe_images`` as the image has it: no room but artifacts and runtime."""
    source = Path(floe_images.__file__).parent
    package = tmp_path_factory.mktemp("carried") / "floe_images"
    package.mkdir()
    for name in ("__init__.py", "errors.py"):
        shutil.copy(source / name, package / name)
    for name in ("artifacts", "runtime"):
        shutil.copytree(source / name, package / name, ignore=shutil.ignore_patterns("__pycache__"))
    return package.parent


def _run(carried: Path, arguments: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    start = "import sys; from floe_images.runtime.main import main; main()"
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(carried)}
    # -S: no site-packages, so nothing but the standard library and what the image carries can be imported.
    return subprocess.run(
        [sys.executable, "-S", "-c", start, *arguments], env={**bare, **environ}, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("arguments", "code", "stdout", "stderr"),
    [
        (["--version"], 0, f"floe-runtime {floe_images.__version__}\n", ""),
        (["check", "--quick"], 0, "ok: flights, target dev\n", ""),
        (["check", "--deep"], 2, "", "error: check takes no argument but --quick\n"),
        (
            ["sh"],
            2,
            "",
            "error: unknown role 'sh'\n"
            "hint: the roles are webserver, daemon, code-server, dev, run, dbt, catalog, maintain, check, doctor\n",
        ),
        (
            ["webserver", "--port", "http"],
            2,
            "",
            "error: floe-runtime webserver: argument --port: 'http' is no port: it is a number from 1 to 65535\n"
            "hint: floe-runtime webserver --help\n",
        ),
        (
            ["daemon", "--code-server", "code"],
            2,
            "",
            "error: floe-runtime daemon: argument --code-server: 'code' is no HOST:PORT\n"
            "hint: floe-runtime daemon --help\n",
        ),
        (
            ["dbt", "build", "--profiles-dir=x"],
            2,
            "",
            "error: --profiles-dir cannot be given: the profile comes from floe.yaml\n"
            "hint: --target chooses one of its targets\n",
        ),
        (
            ["dbt", "build", "--target", "none"],
            2,
            "",
            "error: no target 'none' in floe.yaml\nhint: the targets are: dev, other\n",
        ),
    ],
)
def test_what_is_said_and_how_it_ends(
    carried: Path, inside: dict[str, str], arguments: list[str], code: int, stdout: str, stderr: str
) -> None:
    done = _run(carried, arguments, inside)
    assert (done.returncode, done.stdout, done.stderr) == (code, stdout, stderr)


def test_no_role_is_a_usage_error(carried: Path, inside: dict[str, str]) -> None:
    done = _run(carried, [], inside)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: floe-runtime ROLE")


def test_without_dbt_one_line_says_so_and_no_profile_is_left(
    carried: Path, inside: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "project/transform/profiles.yml").write_text("mine: {}\n")
    done = _run(carried, ["dbt", "build"], inside)
    assert done.returncode == 5
    ignored, error, hint = done.stderr.splitlines()
    assert ignored == (
        f"floe-runtime: {tmp_path}/project/transform/profiles.yml is not read: the profile comes from floe.yaml"
    )
    assert error == "error: the dbt adapter duckdb is not installed here"
    assert hint == "hint: add duckdb to adapters in floe.yaml, then run floe lock and floe build"
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "wanted", "chosen"),
    [
        ([], "", "dev"),
        ([], "other", "other"),
        (["build", "--target", "other"], "", "other"),
        (["build", "--target=other"], "dev", "other"),
        (["-t", "other", "build"], "", "other"),
    ],
)
def test_the_target_that_is_chosen(inside: dict[str, str], arguments: list[str], wanted: str, chosen: str) -> None:
    assert choose_target(_artifacts(inside), arguments, wanted).name == chosen


def test_a_target_without_its_name(inside: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="no target ''"):
        choose_target(_artifacts(inside), ["build", "-t"], "")


def _artifacts(inside: dict[str, str]) -> CompiledArtifacts:
    return decode((Path(inside["FLOE_HOME"]) / "artifacts.json").read_bytes(), where="artifacts.json")
