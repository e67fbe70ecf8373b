"""What uv says, as leaves of the error tree: real stderr of uv 0.13."""

from __future__ import annotations

import pytest

from floe_images.engine.fetch.http import Credential, Http, HttpSettings
from floe_images.engine.redact import Secret
from floe_images.engine.resolve.uv import failure
from floe_images.image.platform import Platform

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
