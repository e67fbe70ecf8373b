"""Logins, tokens, and whom a credential is sent to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from floe_images.engine.redact import Secret
from floe_images.engine.registry.place import Registries
from floe_images.engine.registry.resolve import resolve_image
from floe_images.engine.store import Store
from floe_images.errors import (
    FloeError,
    MirrorContentError,
    MirrorRefusedError,
    MirrorUnreachableError,
)
from floe_images.progress import SILENT
from tests.support.registry_client import BASIC, BOTH, SECRET, copy, login, resolve, secretless
from tests.support.registry_fake import Answer, Asked, FakeRegistry


def test_a_login_goes_to_its_registry_and_to_nobody_it_redirects_to(
    fake: FakeRegistry, registries: Registries, store: Store, home: Path, elsewhere: FakeRegistry
) -> None:
    fake.put_both()
    login(home, fake.host)
    (home / ".netrc").write_text(f"default login u password {SECRET}\n")

    def rule(asked: Asked) -> Answer | None:
        if asked.authorization != BASIC:
            return Answer(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        return Answer.redirect(f"{elsewhere.url}{asked.path}?signature=1") if "/blobs/" in asked.path else None

    fake.rule = rule
    elsewhere.content = fake.content
    copy(resolve(fake, registries), registries, store)
    assert len(elsewhere.asked) >= 4
    assert {asked.authorization for asked in elsewhere.asked} == {""}
    assert [asked.authorization for asked in fake.asked if "/blobs/" in asked.path].count(BASIC) >= 4


def _tokens(fake: FakeRegistry, realm: str, *, good: str = "t1", service: str = "floe tests") -> None:
    def rule(asked: Asked) -> Answer | None:
        if asked.path.startswith("/v2/") and asked.authorization != f"Bearer {good}":
            challenge = f'Bearer realm="{realm}",service="{service}",scope="repository:somebody/else:push"'
            return Answer(status=401, headers={"WWW-Authenticate": challenge})
        return None

    fake.rule = rule


def test_a_token_is_fetched_for_this_repository_and_used_again(fake: FakeRegistry, registries: Registries) -> None:
    fake.put_both()
    _tokens(fake, f"{fake.url}/token?extra=1")
    fake.content["/token"] = Answer.json({"token": "t1"})
    resolve(fake, registries)
    (asked,) = [asked for asked in fake.asked if asked.path.startswith("/token")]
    assert asked.path == "/token?extra=1&service=floe+tests&scope=repository%3Ateam%2Fsay%3Apull&client_id=floe"
    assert asked.authorization == ""
    assert sum(asked.authorization == "Bearer t1" for asked in fake.asked) == 5


def test_a_password_is_sent_to_the_token_server_and_not_to_the_registry(
    fake: FakeRegistry, registries: Registries, home: Path
) -> None:
    fake.put_both()
    login(home, fake.host)
    _tokens(fake, f"{fake.url}/token")
    fake.content["/token"] = Answer.json({"access_token": "t1"})
    resolve(fake, registries)
    assert {asked.authorization for asked in fake.asked if asked.path.startswith("/token")} == {BASIC}
    assert {asked.authorization for asked in fake.asked if asked.path.startswith("/v2/")} == {"", "Bearer t1"}


def test_an_identity_token_is_posted(fake: FakeRegistry, registries: Registries, home: Path) -> None:
    fake.put_both()
    (home / ".docker").mkdir()
    entry = {"identitytoken": SECRET}
    (home / ".docker/config.json").write_text(json.dumps({"auths": {fake.host: entry}}))
    _tokens(fake, f"{fake.url}/token")
    fake.content["/token"] = Answer.json({"access_token": "t1"})
    resolve(fake, registries)
    (asked,) = [asked for asked in fake.asked if asked.path.startswith("/token")]
    assert (asked.method, asked.form) == (
        "POST",
        {
            "grant_type": "refresh_token",
            "refresh_token": SECRET,
            "service": "floe tests",
            "scope": "repository:team/say:pull",
            "client_id": "floe",
        },
    )


def test_a_token_that_runs_out_is_fetched_anew(fake: FakeRegistry, registries: Registries) -> None:
    fake.put_both()
    given: list[str] = []

    def rule(asked: Asked) -> Answer | None:
        if asked.path.startswith("/token"):
            given.append(f"t{len(given)}")
            return Answer.json({"token": given[-1]})
        used = sum(each.authorization == asked.authorization != "" for each in fake.asked)
        if not given or asked.authorization != f"Bearer {given[-1]}" or used > 2:
            return Answer(status=401, headers={"WWW-Authenticate": f'Bearer realm="{fake.url}/token"'})
        return None

    fake.rule = rule
    resolve(fake, registries)
    assert len(given) == 3


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (Answer(status=401), MirrorRefusedError, "token server refused"),
        (Answer(status=403), MirrorRefusedError, "token server refused"),
        (Answer.json({"tok": 1}), MirrorContentError, "has no token"),
        (Answer.json({"token": "a\r\nX-Injected: 1"}), MirrorContentError, "has no token"),
        (Answer(body=b"<html>"), MirrorContentError, "has no token"),
        (Answer(body=b"[" * 3000), MirrorContentError, "has no token"),
        (Answer(body=b"x" * 65536, endless=True), MirrorContentError, "larger than a megabyte"),
        (Answer(status=500), MirrorUnreachableError, "status 500"),
        (Answer.redirect("http://127.0.0.1:1/"), MirrorContentError, "status 307"),
    ],
)
def test_a_token_server_that_gives_none(
    fake: FakeRegistry, registries: Registries, home: Path, answer: Answer, kind: type[FloeError], says: str
) -> None:
    login(home, fake.host)
    _tokens(fake, f"{fake.url}/token")
    fake.content["/token"] = answer
    with pytest.raises(kind) as caught:
        resolve(fake, registries)
    assert says in secretless(caught.value)
    assert caught.value.where == f"{fake.host}/team/say:1.0"


@pytest.mark.parametrize(
    "realm", ["http://tokens.example/", "ftp://x/", "", "https://u:p@tokens.example/", "file:///etc"]
)
def test_a_registry_with_tls_cannot_have_a_password_sent_without(
    registries: Registries, home: Path, tmp_path: Path, realm: str
) -> None:
    from tests.support.mirror_tls import make_tls

    tls = make_tls(tmp_path / "tls", "127.0.0.1")
    with FakeRegistry(tls=tls).serving() as fake:
        login(home, fake.host)
        _tokens(fake, realm)
        trusting = replace(registries, http=replace(registries.http, certificates=(tls.authority,)))
        with pytest.raises(MirrorContentError, match="no https address for its tokens") as caught:
            resolve(fake, trusting)
        secretless(caught.value)


def test_a_registry_with_tls_cannot_lead_out_of_it(
    registries: Registries, tmp_path: Path, elsewhere: FakeRegistry
) -> None:
    from tests.support.mirror_tls import make_tls

    tls = make_tls(tmp_path / "tls", "127.0.0.1")
    with FakeRegistry(tls=tls, rule=lambda asked: Answer.redirect(f"{elsewhere.url}{asked.path}")).serving() as fake:
        trusting = replace(registries, http=replace(registries.http, certificates=(tls.authority,)))
        with pytest.raises(MirrorContentError, match="redirects to an address that is not https"):
            resolve(fake, trusting)
        assert elsewhere.asked == []
        with pytest.raises(MirrorUnreachableError, match="no trusted authority") as caught:
            resolve(fake, registries)
        assert "ca_certificates" in (caught.value.hint or "")


def test_a_refusal_says_how_to_log_in(fake: FakeRegistry, registries: Registries) -> None:
    fake.rule = lambda _: Answer(status=401)
    with pytest.raises(MirrorRefusedError) as caught:
        resolve(fake, registries)
    assert caught.value.hint == f"`docker login {fake.host}`, or username and password in image.mirrors.registries"


def test_secrets_are_hidden_from_then_on(fake: FakeRegistry, registries: Registries, home: Path) -> None:
    hidden: list[str] = []

    class Listening(type(SILENT)):  # type: ignore[misc]
        def hide(self, secret: str) -> None:
            hidden.append(secret)

    fake.put_both()
    login(home, fake.host)
    fake.rule = lambda asked: (
        None if asked.authorization else Answer(status=401, headers={"WWW-Authenticate": "Basic realm=x"})
    )
    resolve_image("polaris", f"{fake.host}/team/say:1.0", BOTH, registries=registries, progress=Listening())
    assert hidden == [SECRET]
    assert str(Secret(SECRET)) == "***"
