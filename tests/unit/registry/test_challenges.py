"""WWW-Authenticate as registries send it, and as nobody should."""

from __future__ import annotations

import pytest

from floe_images.engine.registry.challenge import Challenge, read_challenges

HUB = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"'


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (
            HUB,
            [
                Challenge(
                    scheme="bearer",
                    realm="https://auth.docker.io/token",
                    service="registry.docker.io",
                    scope="repository:a/b:pull,push",
                )
            ],
        ),
        ('BASIC realm="a, \\"b\\""', [Challenge(scheme="basic", realm='a, "b"')]),
        (
            'Basic realm=plain, Bearer realm="https://x/t" , service=s',
            [Challenge(scheme="basic", realm="plain"), Challenge(scheme="bearer", realm="https://x/t", service="s")],
        ),
        ('Negotiate, Basic realm="r"', [Challenge(scheme="negotiate"), Challenge(scheme="basic", realm="r")]),
        ('Bearer realm="first",realm="second"', [Challenge(scheme="bearer", realm="first")]),
        ("", []),
        ('"junk"', []),
        ('Basic realm="never closed', [Challenge(scheme="basic")]),
    ],
)
def test_every_challenge_is_read(header: str, found: list[Challenge]) -> None:
    assert list(read_challenges(header)) == found


def test_a_header_that_goes_on_for_ever_takes_no_time() -> None:
    assert len(read_challenges("a b=" * 1_000_000)) < 5000
