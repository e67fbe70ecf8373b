"""``image.mirrors.registries``: a mirror of each registry, and what is no mirror, where it stands."""

from __future__ import annotations

import pytest

from floe_images.spec.image import Mirror
from floe_images.spec.load import check_text
from floe_images.spec.values import EnvRef

TEXT = """\
version: "1.0"
name: x
image:
  mirrors:
    registries:
      {registries}
adapters: [duckdb]
targets: {{dev: {{adapter: duckdb, path: /var/lib/floe/x.duckdb}}}}
default_target: dev
transforms: [{{type: dbt, path: transform}}]
"""


def _mirrors(registries: str) -> dict[str, Mirror]:
    loaded, findings = check_text(TEXT.format(registries=registries).encode())
    assert loaded, findings
    return loaded.spec.image.mirrors.registries


def test_a_mirror_of_each_registry() -> None:
    mirrors = _mirrors(
        "{docker.io: https://mirror.test/hub, "
        'quay.io: {url: http://mirror.test, username: u, password: {env: P}}, "127.0.0.1:5000": http://127.0.0.1:5000}'
    )
    assert {host: mirror.url for host, mirror in mirrors.items()} == {
        "docker.io": "https://mirror.test/hub",
        "quay.io": "http://mirror.test",
        "127.0.0.1:5000": "http://127.0.0.1:5000",
    }
    assert (mirrors["quay.io"].username, mirrors["quay.io"].password) == ("u", EnvRef(env="P"))


def test_no_mirror_is_no_finding() -> None:
    assert _mirrors("{}") == {}


@pytest.mark.parametrize(
    ("registries", "says"),
    [
        ("{docker.io: mirror.test/hub}", 'image.mirrors.registries."docker.io"'),
        ("{docker.io: 'https://u:sesame@mirror.test'}", 'image.mirrors.registries."docker.io"'),
        ("{docker.io: {url: 'https://mirror.test', password: sesame}}", "password"),
        ("{docker.io: {url: 'https://mirror.test', pasword: {env: P}}}", "is not a key here"),
        ("{'https://docker.io': 'https://mirror.test'}", "the host of a registry, such as docker.io"),
        ("{docker.io/library: 'https://mirror.test'}", "the host of a registry, such as docker.io"),
        ("[https://mirror.test]", "image.mirrors.registries"),
    ],
)
def test_anything_else_is_a_finding_where_it_stands(registries: str, says: str) -> None:
    loaded, findings = check_text(TEXT.format(registries=registries).encode())
    assert loaded is None
    (finding,) = (finding.render("floe.yaml") for finding in findings)
    assert says in finding
    assert finding.startswith("floe.yaml:6:")
    assert "sesame" not in finding
