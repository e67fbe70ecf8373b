"""What uv says, as leaves of the error tree: real stderr of uv 0.13."""

from __future__ import annotations

from pathlib import Path

import pytest

from floe_images.engine.fetch.http import Credential, Http, HttpSettings
from floe_images.engine.fetch.indexes import IndexSettings
from floe_images.engine.redact import Secret
from floe_images.engine.resolve.index_words import no_index
from floe_images.engine.resolve.uv import failure, uv_cache
from floe_images.engine.store import Store
from floe_images.image.platform import Platform
from tests.support.mirror import Mirror

HTTP = Http(HttpSettings(credentials=(Credential("https://m.example:443", "joe", Secret("hunter2")),)))
URL = "https://m.example/simple/app/"
DNS = f"""error: Request failed after 3 retries in 3.8s
  cause: Failed to fetch: {URL}
  cause: error sending request for url ({URL})
  cause: client error (Connect)
  cause: dns error
  cause: error resolving DNS
"""
REFUSED = """error: No solution found when resolving dependencies
  cause: Because app was not found in the package registry and you require app, we can conclude that
    your requirements are unsatisfiable.
hint: An index (https://joe:hunter2@m.example/simple) returned a 403 Forbidden error.
"""
CONFLICT = """warning: something else
error: No solution found when resolving dependencies
  cause: Because you require app>=1.403 and only app<1.404 is available (status 500), we can conclude that
    your requirements are unsatisfiable.
"""


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (DNS, 20, f"Failed to fetch: {URL}: dns error"),
        (REFUSED, 25, "An index (https://m.example/simple) returned a 403 Forbidden error."),
        (
            CONFLICT,
            13,
            "Because you require app>=1.403 and only app<1.404 is available (status 500), we can conclude that "
            "your requirements are unsatisfiable.",
        ),
        (
            f"error: Failed to fetch: {URL}\n  cause: HTTP status server error (503 Service Unavailable)\n",
            20,
            f"Failed to fetch: {URL}: HTTP status server error (503 Service Unavailable)",
        ),
        (
            f"error: Failed to fetch: {URL}\n  cause: invalid peer certificate: UnknownIssuer\n",
            20,
            f"Failed to fetch: {URL}: invalid peer certificate: UnknownIssuer",
        ),
        (
            f"error: Failed to fetch: {URL}\n  cause: end of file before message length reached\n",
            22,
            f"Failed to fetch: {URL}: end of file before message length reached",
        ),
        (f"error: Received some unexpected JSON from `{URL}`\n  cause: x\n", 26, None),
        ("error: failed to write\n  cause: No space left on device (os error 28)\n", 50, None),
        (
            "error: Failed to initialize cache at `/c/uv`\n  cause: failed to create directory `/c/uv`: File exists\n",
            51,
            "Failed to initialize cache at `/c/uv`: failed to create directory `/c/uv`: File exists",
        ),
        (
            f"error: Failed to fetch: {URL}\n  cause: tunnel error: unsuccessful\n  cause: Connection refused\n",
            20,
            None,
        ),
        ("", 13, "uv gave no reason"),
    ],
)
def test_words(text: str, code: int, message: str | None) -> None:
    found = failure(text, Platform("linux", "amd64"), HTTP)
    assert found.exit_code == code
    assert "hunter2" not in f"{found!r} {found} {found.hint}"
    assert "\n" not in str(found)
    if message is not None:
        assert found.message == message


INDEX = IndexSettings(index="https://m.example/simple", source="UV_*", where="UV_DEFAULT_INDEX")


def test_the_index_and_the_proxy_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "joe:hunter2@proxy.example:3128")
    found = failure(DNS, Platform("linux", "amd64"), HTTP, INDEX)
    assert str(found.hint).endswith(
        "the index is https://m.example/simple (UV_DEFAULT_INDEX), the proxy is http://proxy.example:3128 (HTTPS_PROXY)"
    )
    monkeypatch.setenv("NO_PROXY", "m.example")
    missing = "error: No solution found\n  cause: Because app was not found in the package registry\n"
    found = failure(missing, Platform("linux", "amd64"), HTTP, INDEX)
    assert found.exit_code == 13
    assert str(found.hint).endswith("; the index is https://m.example/simple (UV_DEFAULT_INDEX)")


def test_an_index_that_has_nothing_is_none(http: Http, mirror: Mirror) -> None:
    wrong = IndexSettings(index=mirror.url("elsewhere"), source="pip.conf", where="/etc/pip.conf")
    found = no_index(["Alpha>=1", "beta[x]==1.0"], wrong, http)
    assert found is not None
    assert (found.exit_code, found.message) == (26, "has none of alpha, beta: it looks like no package index")
    assert found.where == mirror.url("elsewhere")
    assert "(/etc/pip.conf)" in str(found.hint)
    right = IndexSettings(index=mirror.url("simple"))
    assert no_index(["no-such-thing", "beta"], right, http) is None


def test_where_uv_has_its_cache(tmp_path: Path) -> None:
    store = Store(tmp_path / "ours")
    home = {"HOME": str(tmp_path)}
    assert uv_cache(store, home) is None
    assert uv_cache(store, home | {"FLOE_CACHE_DIR": str(store.root)}) == store.root / "uv"
    assert uv_cache(store, home | {"FLOE_CACHE_DIR": "x", "UV_CACHE_DIR": "y"}) is None
    (tmp_path / ".cache").touch()
    assert uv_cache(store, home) == store.root / "uv"
