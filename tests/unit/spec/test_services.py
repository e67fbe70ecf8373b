"""``services`` of floe.yaml: what is read, and each finding with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from floe_images.spec.load import check_text
from floe_images.spec.services import Services, recipe_of, recipes_of
from tests.support.findings import GOOD, findings_of


def services(text: str) -> Services:
    found, findings = check_text(f"{GOOD}services: {text}\n".encode(), Path("floe.yaml"))
    assert found is not None, findings
    assert found.spec.services is not None
    return found.spec.services


def test_none_unless_named() -> None:
    found, _ = check_text(GOOD.encode(), Path("floe.yaml"))
    assert found is not None
    assert found.spec.services is None
    assert services("{}").each() == ()


def test_a_named_service_has_its_recipe_and_polaris_its_image() -> None:
    found = services("{postgres: {}, lake: , polaris: {}}")
    assert [(name, recipe_of(name, service)) for name, service in found.each()] == [
        ("lake", "lake"),
        ("polaris", None),
        ("postgres", "postgres"),
    ]
    assert found.polaris is not None
    assert found.polaris.image == "apache/polaris:1.8.0"
    assert (found.polaris.port, found.polaris.memory) == (None, None)


def test_an_image_takes_the_place_of_the_recipe() -> None:
    found = services("{postgres: {image: 'registry.example:5000/pg/postgres:17', port: 5433, memory: 1GiB}}")
    assert found.postgres is not None
    assert recipe_of("postgres", found.postgres) is None
    assert (found.postgres.image, found.postgres.port) == ("registry.example:5000/pg/postgres:17", 5433)
    assert found.postgres.memory == 1 << 30


def test_every_recipe_belongs_to_a_service() -> None:
    folder = Path(__file__).parents[3] / "floe_images" / "data" / "recipes"
    shipped = {file.stem for file in folder.glob("*.toml")}
    assert {*recipes_of("postgres"), *recipes_of("lake")} == shipped
    assert {"postgres", "lake"} <= shipped


DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "both": (
            "{postgres: {recipe: postgres, image: 'postgres:17'}}",
            ["9:48: services.postgres.image: stands beside services.postgres.recipe (keep one of the two)"],
        ),
        "unknown service": (
            "{mysql: {}}",
            ["9:12: services.mysql: is not a key here (one of: postgres, lake, polaris)"],
        ),
        "another's recipe": (
            "{postgres: {recipe: lake}}",
            ["9:31: services.postgres.recipe: is not known (one of: postgres)"],
        ),
        "misspelt recipe": (
            "{postgres: {recipe: postgress}}",
            ["9:31: services.postgres.recipe: is not known (did you mean postgres?)"],
        ),
        "a path": (
            "{lake: {recipe: ../lake}}",
            [
                "9:27: services.lake.recipe: must be the name of a recipe "
                "(recipe: Recipe that makes the image from packages; the service's own unless image is given)"
            ],
        ),
        "polaris has none": (
            "{polaris: {recipe: polaris}}",
            ["9:22: services.polaris.recipe: is not a key here (one of: memory, port, image)"],
        ),
        "the lake has no image": (
            "{lake: {image: 'chrislusf/seaweedfs:4.48'}}",
            ["9:19: services.lake.image: is not a key here (one of: memory, port, recipe, s3_port)"],
        ),
        "no tag": (
            "{polaris: {image: apache/polaris}}",
            [
                "9:29: services.polaris.image: must be an image's name with a tag or a digest, "
                "such as apache/polaris:1.8.0 (image: Image of a registry)"
            ],
        ),
        "an option": (
            "{polaris: {image: '--privileged:1'}}",
            [
                "9:29: services.polaris.image: must be an image's name with a tag or a digest, "
                "such as apache/polaris:1.8.0 (image: Image of a registry)"
            ],
        ),
        "port": (
            "{lake: {s3_port: 0}}",
            [
                "9:28: services.lake.s3_port: must be at least 1 "
                "(s3_port: Port of this machine's 127.0.0.1 that the S3 store is reached on)"
            ],
        ),
        "not a mapping": (
            "{lake: yes please}",
            ["9:18: services.lake: must be a mapping (write {key: value}, or each key on an indented line of its own)"],
        ),
        "digest": (f"{{polaris: {{image: 'a/b@{DIGEST}'}}}}", []),
        "tag and digest": (f"{{polaris: {{image: 'a/b:1@{DIGEST}'}}}}", []),
    }.values(),
)
def test_findings(text: str, expected: list[str]) -> None:
    assert findings_of(f"{GOOD}services: {text}\n") == [f"floe.yaml:{line}" for line in expected]
