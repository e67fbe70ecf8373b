"""The same lock gives the same digest: another folder, user, umask, locale, time zone, hash seed and Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.offline.conftest import Built
from tests.support.mirror_floe import index_digest, whole
from tests.support.mirror_tiny import ROOT, clean_environment, floe, tiny_project

pytestmark = [pytest.mark.acceptance, pytest.mark.network]

NOBODY = 65534


def other_pythons() -> list[str]:
    """Pythons of other versions than this one: pyenv's, the system's, uv's; newest last."""
    found = [*Path.home().glob(".pyenv/versions/3.1[0-9].*/bin/python"), *Path("/usr/bin").glob("python3.1[0-9]")]
    found += Path.home().glob(".local/share/uv/python/cpython-3.1[0-9]*/bin/python")
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    pythons = {}
    for path in sorted(found):
        said = subprocess.run(
            [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True
        )
        if said.returncode == 0 and said.stdout.strip() != own:
            pythons[said.stdout.strip()] = str(path)
    return list(pythons.values())


@pytest.fixture(scope="session")
def other_python() -> str:
    """An environment with the toolkit's dependencies for another Python, in a place that every user may read."""
    pythons = other_pythons()
    assert pythons, "no second Python on this machine: install one (pyenv, apt or `uv python install`)"
    target = Path("/var/tmp") / f"floe-tests-{Path(pythons[-1]).parents[1].name}"
    if not (target / "done").exists():
        shutil.rmtree(target, ignore_errors=True)
        uv = str(Path(sys.executable).with_name("uv"))
        # a copy of the interpreter: another user must be able to run it wherever it was
        shutil.copytree(Path(pythons[-1]).resolve().parents[1], target / "python", symlinks=True)
        python = next((target / "python/bin").glob("python3.1[0-9]"))
        subprocess.run(
            [uv, "pip", "install", "-q", "--python", python, "--break-system-packages", *dependencies()], check=True
        )
        (target / "done").touch()
    return str(next((target / "python/bin").glob("python3.1[0-9]")))


def dependencies() -> list[str]:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"]]


def test_everything_else_differs_and_the_digest_does_not(built: Built, other_python: str) -> None:
    """``built`` was made by this user and this Python in its own folder; both had empty caches."""
    assert os.geteuid() == 0, "another user can be tried by root only"
    folder = Path("/var/tmp") / f"floe-tests-other-{os.getpid()}"
    try:
        source = folder / "some where else/source"
        shutil.copytree(ROOT / "floe_images", source / "floe_images", ignore=shutil.ignore_patterns("__pycache__"))
        project = tiny_project(folder / "some where else/tiny project", mirrors_of(built))
        (project / "floe.lock").write_bytes(built.lock)
        env = clean_environment(folder / "home", TZ="Pacific/Chatham", LC_ALL="tr_TR.UTF-8", PYTHONHASHSEED="12345")
        env["PYTHONPATH"], env["LANG"] = str(source), "tr_TR.UTF-8"
        env["LD_LIBRARY_PATH"] = str(Path(other_python).parents[1] / "lib")  # a copied interpreter's own library
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", folder], check=True)
        become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"]
        umask = ["sh", "-c", 'umask 0077; exec "$@"', "sh"]
        command = [*become, *umask, *floe("build", "--locked", python=other_python)]
        done = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        layout = project / ".floe/image"
        assert layout.stat().st_uid == NOBODY
        assert (index_digest(layout), whole(layout)) == (built.digest, [])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def mirrors_of(built: Built) -> str:
    from tests.support.mirror_floe import plain_mirrors

    return plain_mirrors(built.ground.mirror)


def test_another_epoch_gives_another_digest(built: Built) -> None:
    """The control: what does belong to the digest changes it."""
    project = built.ground.project("epoch", lock=built.lock)
    env = {**built.ground.environment("epoch"), "FLOE_CACHE_DIR": str(built.cache), "SOURCE_DATE_EPOCH": "1700000000"}
    done = subprocess.run(floe("build"), cwd=project, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert index_digest(project / ".floe/image") != built.digest
