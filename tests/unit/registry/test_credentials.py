"""Where a credential is found: Docker's and podman's files, helper programs, netrc; and what goes wrong with each."""

from __future__ import annotations

import base64
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from floe_images.engine.registry.credentials import Wanted, find_login
from floe_images.engine.registry.helper import ask_helper
from floe_images.engine.registry.login import Login
from floe_images.errors import MirrorRefusedError, UsageError

SECRET = "sesame-4711"


def _auth(user: str = "u", password: str = SECRET) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def _docker(home: Path, **document: Any) -> Path:
    path = home / ".docker" / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def _find(home: Path, host: str = "quay.io", repository: str = "org/team/image", **environ: str) -> Login | None:
    return find_login(Wanted(host=host, repository=repository), {"HOME": str(home), **environ})


def _told(login: Login | None) -> tuple[str, str, str] | None:
    return (login.username, login.secret.reveal(), login.kind) if login else None


def _helper(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str, name: str = "test") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return path


@pytest.mark.parametrize("key", ["quay.io", "https://quay.io", "https://quay.io/v2/", "https://quay.io/v1/", "QUAY.io"])
def test_docker_writes_its_keys_in_many_ways(home: Path, key: str) -> None:
    _docker(home, auths={"other.io": _auth("no"), key: _auth()})
    assert _told(_find(home)) == ("u", SECRET, "password")


@pytest.mark.parametrize("host", ["docker.io", "registry-1.docker.io"])
@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "docker.io", "index.docker.io"])
def test_dockers_own_registry_has_many_names(home: Path, host: str, key: str) -> None:
    _docker(home, auths={key: _auth()})
    assert _told(_find(home, host)) == ("u", SECRET, "password")


def test_the_closest_namespace_wins(home: Path) -> None:
    _docker(home, auths={"quay.io": _auth("all"), "quay.io/org": _auth("org"), "quay.io/org/team": _auth("team")})
    assert _told(_find(home)) == ("team", SECRET, "password")
    assert _told(_find(home, repository="org/other")) == ("org", SECRET, "password")
    assert _told(_find(home, repository="else")) == ("all", SECRET, "password")


def test_podmans_file_and_the_variables_that_name_others(home: Path, tmp_path: Path) -> None:
    podman = home / ".config/containers/auth.json"
    podman.parent.mkdir(parents=True)
    podman.write_text(json.dumps({"auths": {"quay.io": _auth("podman")}}))
    assert _told(_find(home)) == ("podman", SECRET, "password")
    runtime = tmp_path / "run/containers/auth.json"
    runtime.parent.mkdir(parents=True)
    runtime.write_text(json.dumps({"auths": {"quay.io": _auth("runtime")}}))
    assert _told(_find(home, XDG_RUNTIME_DIR=str(tmp_path / "run"))) == ("runtime", SECRET, "password")
    other = tmp_path / "docker"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({"auths": {"quay.io": _auth("docker")}}))
    found = _find(home, XDG_RUNTIME_DIR=str(tmp_path / "run"), DOCKER_CONFIG=str(other))
    assert _told(found) == ("docker", SECRET, "password")
    found = _find(home, DOCKER_CONFIG=str(other), REGISTRY_AUTH_FILE=str(podman))
    assert _told(found) == ("podman", SECRET, "password")


def test_tokens_are_told_from_passwords(home: Path) -> None:
    _docker(home, auths={"quay.io": {**_auth("<token>", ""), "identitytoken": SECRET}})
    assert _told(_find(home)) == ("<token>", SECRET, "identity")
    _docker(home, auths={"quay.io": {"registrytoken": SECRET}})
    assert _told(_find(home)) == ("", SECRET, "token")


def test_a_password_may_have_colons_and_ends_before_zeros(home: Path) -> None:
    _docker(home, auths={"quay.io": _auth("u", "a:b:ü\0\0")})
    assert _told(_find(home)) == ("u", "a:b:ü", "password")


def test_netrc_is_the_last(home: Path) -> None:
    (home / ".netrc").write_text(f"machine quay.io login n password {SECRET}\n")
    assert _told(_find(home)) == ("n", SECRET, "password")
    assert _find(home, "other.io") is None
    _docker(home, auths={"quay.io": _auth()})
    assert _told(_find(home)) == ("u", SECRET, "password")


def test_nothing_is_nothing(home: Path) -> None:
    assert _find(home) is None
    _docker(home, auths={"quay.io": {}, "x": None}, credHelpers=None)
    assert _find(home) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "no JSON object"),
        ("[]", "no JSON object"),
        (json.dumps({"auths": {"quay.io": {"auth": f"{SECRET} is not base64"}}}), "not base64"),
    ],
)
def test_a_file_that_is_broken_is_named_and_not_shown(home: Path, text: str, says: str) -> None:
    path = _docker(home)
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        _find(home)
    assert says in str(caught.value)
    assert caught.value.where == str(path)
    assert SECRET not in f"{caught.value} {caught.value.hint}"


def test_a_login_shows_its_secret_to_nobody(home: Path) -> None:
    _docker(home, auths={"quay.io": _auth()})
    login = _find(home)
    assert login
    assert SECRET not in f"{login} {login!r}"
    assert login.basic().reveal() == "Basic " + _auth()["auth"]


def test_a_helper_is_asked_for_its_host(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = json.dumps({"ServerURL": "x", "Username": "h", "Secret": SECRET})
    _helper(tmp_path / "bin", monkeypatch, f"cat >> {tmp_path}/asked; echo ' '$1 >> {tmp_path}/asked; echo '{answer}'")
    _docker(home, credHelpers={"quay.io": "test"}, auths={"quay.io": _auth()}, credsStore="absent")
    assert _told(_find(home)) == ("h", SECRET, "password")
    _docker(home, credsStore="test")
    assert _told(_find(home, "docker.io")) == ("h", SECRET, "password")
    assert (tmp_path / "asked").read_text() == "quay.io get\nhttps://index.docker.io/v1/ get\n"


def test_a_helpers_token_is_an_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = json.dumps({"Username": "<token>", "Secret": SECRET})
    _helper(tmp_path / "bin", monkeypatch, f"echo '{answer}'")
    assert _told(ask_helper("test", "quay.io", "x")) == ("<token>", SECRET, "identity")


def test_a_helper_that_knows_nothing_leaves_the_rest_to_others(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _helper(tmp_path / "bin", monkeypatch, "echo credentials not found in native keychain; exit 1")
    _docker(home, credsStore="test", auths={"quay.io": _auth("file")})
    assert _told(_find(home)) == ("file", SECRET, "password")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (f"echo {SECRET}; echo {SECRET} >&2; exit 3", "failed (exit code 3)"),
        (f"echo {SECRET}", "something else than a credential"),
        ('echo \'{"Username": 1, "Secret": 2}\'', "something else than a credential"),
        ("yes '{' | head -c 300000", "something else than a credential"),
        ("", "something else than a credential"),
    ],
)
def test_a_helper_that_fails_is_one_line_without_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, says: str
) -> None:
    _helper(tmp_path / "bin", monkeypatch, body)
    with pytest.raises(MirrorRefusedError) as caught:
        ask_helper("test", "quay.io", "config.json")
    assert says in str(caught.value)
    assert "docker-credential-test" in str(caught.value)
    assert SECRET not in f"{caught.value} {caught.value.hint}"


def test_a_helper_that_hangs_is_ended_with_what_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _helper(tmp_path / "bin", monkeypatch, f"echo $$ > {tmp_path}/pid; sleep 300 & sleep 300")
    begun = time.monotonic()
    with pytest.raises(MirrorRefusedError, match="does not answer"):
        ask_helper("test", "quay.io", "config.json", patience=0.5)
    assert time.monotonic() - begun < 20
    group = int((tmp_path / "pid").read_text())
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("what the helper started is still there")


def test_a_helper_that_never_stops_talking_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _helper(tmp_path / "bin", monkeypatch, "exec yes")
    begun = time.monotonic()
    with pytest.raises(MirrorRefusedError, match="does not answer"):
        ask_helper("test", "quay.io", "config.json")
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("name", ["absent", "../../bin/sh", "a b", "-x", ""])
def test_a_helper_that_is_not_there(name: str) -> None:
    with pytest.raises(MirrorRefusedError, match=r"not on the PATH"):
        ask_helper(name, "quay.io", "config.json")
