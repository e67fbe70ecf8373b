"""`floe lock` behind a private mirror: a CA of its own, credentials, and nobody else to ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.offline.conftest import Locked
from tests.support.mirror import Mirror
from tests.support.mirror_floe import assert_refused, guarded_mirrors
from tests.support.mirror_tiny import floe
from tests.support.mirror_tls import AUTHORITY_NAME, Tls, make_tls
from tests.support.netns import Island, island

pytestmark = pytest.mark.network

HOST = "mirror.corp.example"
PASSWORD = "pa55/w:rd%41"
USER = "build-bot"


def guarded(locked: Locked, tls: Tls) -> Mirror:
    """The same content as outside, from disk only."""
    content = locked.ground.mirror.content
    assert content is not None
    return Mirror(content=content, folders=(locked.ground.index,), user=(USER, PASSWORD), tls=tls, host=HOST)


def secrets_in(text: str, tls: Tls) -> list[str]:
    """Which of the private things occur: host, password (as it is or quoted), what identifies the authority."""
    body = tls.authority.read_text().splitlines()[2]
    names = {"host": HOST, "password": PASSWORD, "quoted": "pa55%2Fw%3Ard", "authority": AUTHORITY_NAME, "pem": body}
    return [name for name, secret in names.items() if secret in text]


def test_settings_in_floe_yaml(locked: Locked, tmp_path: Path) -> None:
    tls = make_tls(tmp_path / "tls", HOST)
    mirror = guarded(locked, tls)
    with island(HOST) as land, mirror.serving(land.listen()):
        project = locked.ground.project("private-yaml", mirrors=guarded_mirrors(mirror, "corp-ca.pem"))
        (project / "corp-ca.pem").write_bytes(tls.authority.read_bytes())
        done = land.run(
            floe("lock"), cwd=project, env=locked.ground.environment("private-yaml", MIRROR_PASSWORD=PASSWORD)
        )
        check(done.returncode, done.stdout + done.stderr, project, locked, mirror, land, tls)


def test_settings_in_the_environment_and_netrc(locked: Locked, tmp_path: Path) -> None:
    """Python's index by UV_DEFAULT_INDEX, Debian's password by netrc, the CA by SSL_CERT_FILE."""
    tls = make_tls(tmp_path / "tls", HOST)
    mirror = guarded(locked, tls)
    with island(HOST) as land, mirror.serving(land.listen()):
        urls = f"{{debian: '{mirror.url('debian')}', debian_security: '{mirror.url('debian-security')}'}}"
        project = locked.ground.project("private-env", mirrors=urls)
        named = {"UV_DEFAULT_INDEX": mirror.url("simple", credentials=True), "SSL_CERT_FILE": str(tls.authority)}
        env = locked.ground.environment("private-env", **named)
        netrc = Path(env["HOME"]) / ".netrc"
        netrc.write_text(f"machine {HOST}\nlogin {USER}\npassword {PASSWORD}\n")
        netrc.chmod(0o600)
        done = land.run(floe("lock"), cwd=project, env=env)
        check(done.returncode, done.stdout + done.stderr, project, locked, mirror, land, tls)


def check(code: int, said: str, project: Path, locked: Locked, mirror: Mirror, land: Island, tls: Tls) -> None:
    assert code == 0, said
    assert (project / "floe.lock").read_bytes() == locked.lock
    assert (land.packets, land.questions) == ([], [])
    assert {asked.user for asked in mirror.asked if asked.status == 200} == {USER}
    assert secrets_in((project / "floe.lock").read_text() + said, tls) == []


@pytest.mark.parametrize(("password", "code"), [("wrong", 25), (PASSWORD, 20)])
def test_refused_or_not_trusted(password: str, code: int, locked: Locked, tmp_path: Path) -> None:
    """A wrong password, or a certificate of an authority that nobody named: one line, no lock, no secret told."""
    tls = make_tls(tmp_path / "tls", HOST)
    other = make_tls(tmp_path / "other", HOST)
    mirror = guarded(locked, tls)
    with island(HOST) as land, mirror.serving(land.listen()):
        project = locked.ground.project(f"private-{code}", mirrors=guarded_mirrors(mirror, "corp-ca.pem"))
        trusted = tls if code == 25 else other
        (project / "corp-ca.pem").write_bytes(trusted.authority.read_bytes())
        env = locked.ground.environment(f"private-{code}", MIRROR_PASSWORD=password)
        done = land.run(floe("lock"), cwd=project, env=env)
    assert_refused(done, code)
    assert password not in done.stdout + done.stderr
    assert not (project / "floe.lock").exists()
    assert (land.packets, land.questions) == ([], [])
