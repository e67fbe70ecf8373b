"""The distribution as its users meet it: one pure wheel that installs everywhere from an index alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pypi_simple
import pytest
import uv

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[2]


def run(*argv: str | Path, cwd: Path | None = None, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in argv],
        cwd=cwd,
        env={**{name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by the project's own build backend."""
    folder = tmp_path_factory.mktemp("wheel")
    run(uv.find_uv_bin(), "build", "--quiet", "--wheel", "--out-dir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_is_pure_and_carries_what_the_verbs_need(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "floe_images/py.typed" in names
    assert "floe_images/examples/flights/floe.yaml" in names
    assert any(name.startswith("floe_images/data/debian/keys/") for name in names)
    assert not [name for name in names if name.endswith((".so", ".pyd", ".dylib"))]


@pytest.mark.parametrize("python", ["3.10", pytest.param("3.13", marks=pytest.mark.acceptance)])
@pytest.mark.parametrize(
    "platform",
    [
        "aarch64-apple-darwin",
        "x86_64-pc-windows-msvc",
        pytest.param("x86_64-apple-darwin", marks=pytest.mark.acceptance),
        pytest.param("aarch64-manylinux_2_28", marks=pytest.mark.acceptance),
    ],
)
def test_core_dependencies_resolve_from_wheels(platform: str, python: str) -> None:
    pins = run(
        uv.find_uv_bin(), "pip", "compile", "--quiet", "--no-header", "--only-binary", ":all:",
        "--python-platform", platform, "--python-version", python, ROOT / "pyproject.toml",
    )  # fmt: skip
    assert "zlib-ng==" in pins
    assert "dbt" not in pins


def test_the_runtime_extra_installs_from_an_index_alone(wheel: Path, tmp_path: Path) -> None:
    run(uv.find_uv_bin(), "venv", "--quiet", "--python", sys.executable, tmp_path / "env")
    python = tmp_path / "env/bin/python"
    run(
        uv.find_uv_bin(), "pip", "install", "--quiet", "--only-binary", ":all:", "--python", python, f"{wheel}[runtime]"
    )
    answer = run(python, "-c", "import dbt.version, dagster, pyiceberg; print(dbt.version.__version__)")
    assert answer.startswith("1.11.")
    run(uv.find_uv_bin(), "pip", "check", "--python", python)


@pytest.mark.acceptance
def test_pip_and_poetry_install_the_runtime_extra(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "pip")
    run(tmp_path / "pip/bin/python", "-m", "pip", "install", "--quiet", f"{wheel}[runtime]")
    assert "floe" in run(tmp_path / "pip/bin/floe", "--version")

    run(sys.executable, "-m", "venv", tmp_path / "tool")
    run(tmp_path / "tool/bin/python", "-m", "pip", "install", "--quiet", "poetry")
    project = tmp_path / "project"
    project.mkdir()
    poetry = tmp_path / "tool/bin/poetry"
    environment = {"POETRY_VIRTUALENVS_IN_PROJECT": "true", "POETRY_CACHE_DIR": str(tmp_path / "cache")}
    run(
        poetry, "init", "--no-interaction", "--name", "consumer", "--python", ">=3.11,<3.14", cwd=project, **environment
    )
    # Without a source poetry asks the public index's own JSON API, which no mirror has; an index is what mirrors are.
    index = pypi_simple.PYPI_SIMPLE_ENDPOINT
    run(poetry, "source", "add", "--priority=primary", "index", index, cwd=project, **environment)
    run(poetry, "add", "--no-interaction", f"{wheel}[runtime]", cwd=project, **environment)
    assert "floe" in run(project / ".venv/bin/floe", "--version", cwd=project)


def test_the_installed_wheel_inits_locks_and_builds(wheel: Path, tmp_path: Path) -> None:
    run(uv.find_uv_bin(), "venv", "--quiet", "--python", sys.executable, tmp_path / "env")
    python = tmp_path / "env/bin/python"
    run(uv.find_uv_bin(), "pip", "install", "--quiet", "--only-binary", ":all:", "--python", python, wheel)
    floe, project = tmp_path / "env/bin/floe", tmp_path / "project"
    run(floe, "init", "--example", "flights", "--folder", project, cwd=tmp_path)
    run(floe, "lock", cwd=project)
    installed = json.loads(run(floe, "build", "--locked", "--json", cwd=project))
    assert [image["platform"] for image in installed["images"]] == ["linux/amd64", "linux/arm64"]

    checkout = json.loads(run(sys.executable, "-m", "floe_images", "build", "--locked", "--json", cwd=project))
    assert installed["digest"] == checkout["digest"]
