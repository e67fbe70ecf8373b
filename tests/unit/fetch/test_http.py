"""What a mirror can do, and what comes out: bytes, or a leaf of the tree without a secret in it."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from floe_images.engine.fetch.http import Credential, Http, HttpSettings, origin_of, split_credential
from floe_images.engine.fetch.http_errors import PageMissingError
from floe_images.engine.redact import Secret
from floe_images.errors import (
    FloeError,
    MirrorContentError,
    MirrorRefusedError,
    MirrorUnreachableError,
    TruncatedDownloadError,
    UsageError,
    WrongHashError,
)
from tests.support.mirror import Mirror
from tests.support.registry_fake import Answer, FakeRegistry

NAME = "alpha-1.0-py3-none-any.whl"


def whole(mirror: Mirror) -> bytes:
    return (mirror.folders[0] / NAME).read_bytes()


def url_of(mirror: Mirror) -> str:
    return mirror.url(f"files/alpha/{hashlib.sha256(whole(mirror)).hexdigest()}/{NAME}")


def download(http: Http, mirror: Mirror, to: Path, **more: object) -> tuple[int, str]:
    body = whole(mirror)
    expected = {"size": len(body), "sha256": hashlib.sha256(body).hexdigest(), **more}
    return http.download(url_of(mirror), to, **expected)  # type: ignore[arg-type]


def test_a_download_is_hashed_while_it_comes(http: Http, mirror: Mirror, tmp_path: Path) -> None:
    told: list[int] = []
    size, sha256 = http.download(url_of(mirror), tmp_path / "x", advance=told.append)
    body = whole(mirror)
    assert (size, sha256) == (len(body), hashlib.sha256(body).hexdigest())
    assert (tmp_path / "x").read_bytes() == body
    assert sum(told) == size


@pytest.fixture
def ranges(http: Http, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The Range of every request, "" where it asks for the whole."""
    asked: list[str] = []
    really = http._open

    def recording(url: str, headers: Mapping[str, str]) -> AbstractContextManager[requests.Response]:
        asked.append(headers.get("Range", ""))
        return really(url, headers)

    monkeypatch.setattr(http, "_open", recording)
    return asked


def test_a_truncated_body_is_resumed(http: Http, mirror: Mirror, tmp_path: Path, ranges: list[str]) -> None:
    mirror.fault("files/", "truncate", times=1)
    told: list[int] = []
    download(http, mirror, tmp_path / "x", advance=told.append)
    assert (tmp_path / "x").read_bytes() == whole(mirror)
    first, second = ranges
    assert first == ""
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= len(whole(mirror)) // 2
    assert sum(told) == len(whole(mirror))


def test_what_an_earlier_run_left_is_kept(http: Http, mirror: Mirror, tmp_path: Path, ranges: list[str]) -> None:
    body = whole(mirror)
    (tmp_path / "x").write_bytes(body[:700_000])
    download(http, mirror, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == body
    assert ranges == ["bytes=700000-"]


def test_a_beginning_that_is_wrong_is_thrown_away(
    http: Http, mirror: Mirror, tmp_path: Path, ranges: list[str]
) -> None:
    body = whole(mirror)
    (tmp_path / "x").write_bytes(b"rubbish" + body[7:700_000])
    told: list[int] = []
    download(http, mirror, tmp_path / "x", advance=told.append)
    assert (tmp_path / "x").read_bytes() == body
    assert ranges == ["bytes=700000-", ""]
    assert sum(told) == len(body)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("truncate", TruncatedDownloadError),
        ("wrong", WrongHashError),
        ("401", MirrorRefusedError),
        ("403", MirrorRefusedError),
        ("404", PageMissingError),
        ("410", PageMissingError),
        ("418", MirrorContentError),
        ("500", MirrorUnreachableError),
        ("503", MirrorUnreachableError),
        ("429", MirrorUnreachableError),
        ("hang-up", MirrorUnreachableError),
    ],
)
def test_faults(kind: str, error: type[FloeError], http: Http, mirror: Mirror, tmp_path: Path) -> None:
    fault = mirror.fault("files/", kind)
    with pytest.raises(error) as caught:
        download(http, mirror, tmp_path / "x")
    assert caught.value.where == url_of(mirror)
    assert "\n" not in str(caught.value)
    retried = kind in ("truncate", "500", "503", "429", "hang-up")
    assert fault.hits == (3 if retried else 1)


def test_a_fault_that_passes(http: Http, mirror: Mirror, tmp_path: Path) -> None:
    mirror.fault("files/", "503", times=2)
    download(http, mirror, tmp_path / "x")
    assert [asked.status for asked in mirror.asked] == [503, 503, 200]


def test_more_bytes_than_expected(http: Http, mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(WrongHashError, match="more than the 10 bytes"):
        download(http, mirror, tmp_path / "x", size=10)
    with pytest.raises(MirrorContentError, match="larger than 10 bytes"):
        http.get(url_of(mirror), 10)


def test_nobody_listens(http: Http) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(MirrorUnreachableError, match="cannot be reached"):
        http.get(f"http://127.0.0.1:{port}/x", 10)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "file:///etc/passwd", "nothing", "http://[x"])
def test_no_url(url: str, http: Http) -> None:
    with pytest.raises(UsageError):
        http.get(url, 10)


def test_credentials_go_to_their_origin_and_into_no_message(mirror: Mirror, tmp_path: Path) -> None:
    mirror.user = ("joe", "hunter2/x")
    _, credential = split_credential(mirror.url("", credentials=True))
    assert credential == Credential(f"http://127.0.0.1:{mirror.port}", "joe", Secret("hunter2/x"))
    http = Http(HttpSettings(credentials=(credential,)))
    assert http.get(url_of(mirror), 1 << 30) == whole(mirror)
    assert http.get(mirror.url("simple/alpha/", credentials=True), 1 << 20).startswith(b"<!DOCTYPE")

    elsewhere = replace(credential, origin="http://127.0.0.1:1")
    wrong = replace(credential, password=Secret("sekrit99"))
    for settings in (HttpSettings(credentials=(elsewhere,)), HttpSettings(credentials=(wrong,))):
        with pytest.raises(MirrorRefusedError) as caught:
            Http(settings).get(url_of(mirror), 1 << 30)
        told = f"{caught.value!r} {caught.value} {caught.value.hint} {settings!r}"
        assert "hunter2" not in told
        assert "sekrit99" not in told
    assert {asked.user for asked in mirror.asked} == {"joe", ""}


def test_netrc(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror.user = ("joe", "hunter2")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login joe password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert Http(HttpSettings()).get(url_of(mirror), 1 << 30) == whole(mirror)


def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://joe:hunter2@127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    http = Http(HttpSettings(attempts=1))
    with pytest.raises(MirrorUnreachableError) as caught:
        http.get("http://mirror.example/simple/", 10)
    assert "proxy" in caught.value.message
    assert "hunter2" not in f"{caught.value!r} {caught.value.hint}"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://M.example/simple", "https://m.example:443"),
        ("http://m.example:8080", "http://m.example:8080"),
        ("http://[::1]/x", "http://::1:80"),
    ],
)
def test_origins(url: str, origin: str) -> None:
    assert origin_of(url) == origin


def test_a_redirect_to_what_is_no_address_is_one_line(http: Http) -> None:
    with FakeRegistry(rule=lambda _: Answer.redirect("http://[")).serving() as server, pytest.raises(UsageError):
        http.get(f"{server.url}/simple/", 1000)
