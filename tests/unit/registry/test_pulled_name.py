"""Names of images as Docker reads them: which registry, which repository, what it is asked for."""

from __future__ import annotations

import pytest

from floe_images.image.pulled import PulledName

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "registry", "repository", "asked", "local"),
    [
        ("apache/polaris:1.8.0", "docker.io", "apache/polaris", "1.8.0", "apache/polaris:1.8.0"),
        ("postgres", "docker.io", "library/postgres", "latest", "postgres:latest"),
        ("docker.io/postgres:17", "docker.io", "library/postgres", "17", "postgres:17"),
        ("index.docker.io/apache/polaris:1", "docker.io", "apache/polaris", "1", "apache/polaris:1"),
        ("localhost/a:1", "localhost", "a", "1", "localhost/a:1"),
        ("Quay.IO/org/a:1", "quay.io", "org/a", "1", "quay.io/org/a:1"),
        ("REGISTRY/a:1", "registry", "a", "1", "registry/a:1"),
        ("127.0.0.1:5000/a/b_c/d--e:V.1-x", "127.0.0.1:5000", "a/b_c/d--e", "V.1-x", "127.0.0.1:5000/a/b_c/d--e:V.1-x"),
        ("[::1]:5000/a:1", "[::1]:5000", "a", "1", "[::1]:5000/a:1"),
        (f"quay.io/a@sha256:{HEX}", "quay.io", "a", f"sha256:{HEX}", "quay.io/a:sha256-0123456789abcdef"),
        (f"quay.io/a:1@sha256:{HEX}", "quay.io", "a", f"sha256:{HEX}", "quay.io/a:1"),
    ],
)
def test_names_are_read_as_engines_read_them(text: str, registry: str, repository: str, asked: str, local: str) -> None:
    name = PulledName.parse(text)
    assert (name.registry, name.repository, name.asked, str(name.local)) == (registry, repository, asked, local)
    assert name.moves is ("@" not in text)


@pytest.mark.parametrize(
    "text",
    ["", "A:1", "a//b", "a/", "/a", "a:", "a:-1", "-v", "https://a/b", "a@sha256:12", "a b", "a\n", "a:1\n", "a/../b"],
)
def test_what_no_engine_would_pull_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the name of an image"):
        PulledName.parse(text)
