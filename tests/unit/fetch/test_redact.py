"""Secrets do not get out through str, repr, format, tracebacks, URLs or another program's output."""

from __future__ import annotations

import pytest

from floe_images.engine.redact import Secret, redact_text, redact_url


def test_a_secret_is_shown_by_nothing_but_reveal() -> None:
    secret = Secret("hunter2")
    assert [str(secret), repr(secret), f"{secret}", f"{secret:>3}", f"{[secret]}"] == ["***"] * 4 + ["[***]"]
    assert secret.reveal() == "hunter2"
    assert secret == Secret("hunter2")
    assert secret != Secret("other")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://joe:pw@mirror.example:8443/simple/", "https://mirror.example:8443/simple/"),
        ("https://token@mirror.example/simple", "https://mirror.example/simple"),
        ("https://mirror.example/x.whl?sig=abc#sha256=1", "https://mirror.example/x.whl"),
        ("https://joe:p@ss@mirror.example/", "https://mirror.example/"),
        ("http://[broken", "(not a URL)"),
    ],
)
def test_urls(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "Failed to fetch: `https://joe:hunter2@m.example/simple/x/`",
            "Failed to fetch: `https://m.example/simple/x/`",
        ),
        ("see http://m.example/x.whl?token=hunter2, please", "see http://m.example/x.whl please"),
        ("password hunter2 and again hunter2", "password *** and again ***"),
        ("two https://a:b@h/ https://c:d@i/", "two https://h/ https://i/"),
        ("nothing here: a@b.example", "nothing here: a@b.example"),
    ],
)
def test_output_of_another_program(text: str, shown: str) -> None:
    assert redact_text(text, [Secret("hunter2"), Secret("")]) == shown
