"""An `InRelease` whose signature is good and whose `Valid-Until` has passed, met by `floe lock` as a user runs it.

Once it is Debian's own signature and this machine's clock that is late. Once the date is in the past: nobody can sign
that for Debian, so a copy of the toolkit ships the key of a test instead of Debian's; nothing else differs in it.
"""

from __future__ import annotations

import email.utils
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.offline.conftest import Locked
from tests.support.debian_archive import Signer
from tests.support.mirror import Mirror
from tests.support.mirror_floe import assert_refused, must, plain_mirrors, run_floe
from tests.support.mirror_tiny import ROOT

pytestmark = pytest.mark.network

DAY = 86400
LONG = pytest.mark.acceptance
SUITES = ("bookworm", "bookworm-updates", "bookworm-security")


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer("Test Archive <archive@example.org>")


@pytest.fixture(scope="module")
def toolkit(signer: Signer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH: this checkout's package, but with the test's key for every suite."""
    folder = tmp_path_factory.mktemp("toolkit")
    shutil.copytree(ROOT / "floe_images", folder / "floe_images", ignore=shutil.ignore_patterns("__pycache__"))
    keys = folder / "floe_images/data/debian/keys"
    for path in keys.iterdir():
        path.unlink()
    (keys / "test.asc").write_bytes(signer.key.certificate)
    (keys / "suites.toml").write_text(
        f'[[key]]\nfile = "test.asc"\nfingerprint = "{signer.key.fingerprint}"\n'
        f'owner = "a test"\nsuites = {list(SUITES)}\n'
    )
    return folder


def resigned(signer: Signer, valid_until: float) -> Callable[[bytes], bytes]:
    """The recorded index under the test's signature and with this end, in seconds since 1970."""
    stamp = email.utils.formatdate(valid_until, usegmt=True).replace("GMT", "UTC")

    def change(body: bytes) -> bytes:
        text = body.decode().split("\n\n", 1)[1].partition("-----BEGIN PGP SIGNATURE")[0]
        text = re.sub(r"(?m)^Valid-Until: .*\n", "", text)
        return signer.sign(re.sub(r"(?m)^(Date: .*\n)", rf"\1Valid-Until: {stamp}\n", text, count=1))

    return change


@pytest.mark.parametrize("suite", [*(pytest.param(suite, marks=LONG) for suite in SUITES[:2]), SUITES[2]])
def test_an_expired_index_under_a_good_signature(suite: str, locked: Locked, signer: Signer, toolkit: Path) -> None:
    mirror = Mirror(content=locked.ground.mirror.content, folders=(locked.ground.index,))
    expired = mirror.fault(rf"dists/{suite}/InRelease$", change=resigned(signer, time.time() - DAY))
    mirror.fault(r"/InRelease$", change=resigned(signer, time.time() + DAY))
    with mirror.serving():
        project = locked.ground.project(f"expired-{suite}", mirrors=plain_mirrors(mirror))
        env = locked.ground.environment(f"expired-{suite}", PYTHONPATH=str(toolkit))
        run = run_floe(project, env, "lock")
        assert_refused(run, 24)
        assert f"the index of {suite} was valid until" in run.stderr
        assert "hint: the mirror is behind, or this machine's clock is wrong" in run.stderr
        assert expired.hits == 1
        assert sorted(path.name for path in project.iterdir()) == ["floe.yaml", "transform"]
        # The same while it is valid: what was refused was the date, and nothing else.
        mirror.faults.remove(expired)
        must(run_floe(project, env, "lock"))
        assert (project / "floe.lock").read_bytes() == locked.lock


def test_the_toolkit_as_it_is_does_not_believe_that_key(locked: Locked, signer: Signer) -> None:
    mirror = Mirror(content=locked.ground.mirror.content, folders=(locked.ground.index,))
    mirror.fault(r"/InRelease$", change=resigned(signer, time.time() + DAY))
    with mirror.serving():
        project = locked.ground.project("stranger", mirrors=plain_mirrors(mirror))
        assert_refused(run_floe(project, locked.ground.environment("stranger"), "lock"), 23)
    assert not (project / "floe.lock").exists()


@pytest.mark.parametrize(("days", "code"), [(0, 0), (60, 24)])
def test_debians_own_signature_and_a_clock_that_is_late(days: int, code: int, locked: Locked) -> None:
    """Only bookworm-security has a Valid-Until, a week after its Date."""
    project = locked.ground.project(f"late-{days}")
    clock = f"import time; real = time.time; time.time = lambda: real() + {days * DAY}"
    command = [sys.executable, "-c", f"{clock}; from floe_images.cli.main import main; main()", "lock"]
    env = locked.ground.environment(f"late-{days}")
    done = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True)
    if code:
        assert_refused(done, code)
        assert "the index of bookworm-security was valid until" in done.stderr
        assert not (project / "floe.lock").exists()
    else:
        assert done.returncode == 0, done.stderr
        assert (project / "floe.lock").read_bytes() == locked.lock
