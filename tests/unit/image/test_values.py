"""Digest, reference, canonical JSON, config, manifest, index: values in, values out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from floe_images.image.build import build_index
from floe_images.image.digest import Digest
from floe_images.image.place import archive_name
from floe_images.image.reference import Reference
from tests.support.built import AMD64, ARM64, Blobs, sample_image

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_digest_of_bytes_and_back() -> None:
    assert Digest.of(b"") == f"sha256:{EMPTY}"
    assert Digest.parse(f"sha256:{EMPTY}").hex == EMPTY


@pytest.mark.parametrize("text", ["", EMPTY, f"sha512:{EMPTY}", f"sha256:{EMPTY[:-1]}", f"sha256:{EMPTY}\n", 7, None])
def test_digest_refuses(text: object) -> None:
    with pytest.raises(ValueError, match="not a sha256 digest"):
        Digest.parse(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("flights:1", "docker.io/library/flights:1"),
        ("data/flights:1", "docker.io/data/flights:1"),
        ("localhost/flights:1", "localhost/flights:1"),
        ("host:5000/flights:1", "host:5000/flights:1"),
        ("registry.example.internal/data/flights:1.0-rc_1", "registry.example.internal/data/flights:1.0-rc_1"),
    ],
)
def test_reference_canonical(text: str, canonical: str) -> None:
    reference = Reference.parse(text)
    assert str(reference) == text
    assert reference.canonical == canonical
    assert reference.base_name == "flights"


@pytest.mark.parametrize("text", ["flights", "Flights:1", "a//b:1", "a:", "a:-1", "../a:1", "a b:1", "a:1\n", "a:1/b"])
def test_reference_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="not an image name"):
        Reference.parse(text)


def test_archive_name_carries_the_platform() -> None:
    assert archive_name(Reference.parse("r.example/data/flights:0.1"), ARM64) == "flights_0.1_linux-arm64.tar"


def test_config_json(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    image = sample_image(blobs, ARM64)
    assert json.loads(image.config) == {
        "architecture": "arm64",
        "os": "linux",
        "created": "2023-11-14T22:13:20Z",
        "config": {
            "User": "10001:0",
            "Env": ["HOME=/tmp", "A=b=c"],
            "Entrypoint": ["/bin/say"],
            "WorkingDir": "/",
            "Volumes": {"/var/lib/floe": {}},
            "Labels": {"org.opencontainers.image.version": "0.1.0"},
            "StopSignal": "SIGTERM",
            "Healthcheck": {"Test": ["CMD", "/bin/say"]},
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in blobs.made]},
        "history": [
            {"created": "2023-11-14T22:13:20Z", "created_by": f"floe: {name}"}
            for name in ("system", "python", "project")
        ],
    }
    assert image.config.startswith(b'{"architecture":"arm64","config":{"Entrypoint":["/bin/say"],')


def test_index_is_ordered_by_platform_whatever_comes_first(tmp_path: Path) -> None:
    images = [sample_image(Blobs(tmp_path), platform) for platform in (ARM64, AMD64)]
    index = build_index(images, annotations=(("z", "1"), ("a", "2")))
    assert index == build_index(images[::-1], annotations=(("z", "1"), ("a", "2")))
    value = json.loads(index)
    assert value["annotations"] == {"a": "2", "z": "1"}
    assert [entry["platform"]["architecture"] for entry in value["manifests"]] == ["amd64", "arm64"]
    assert [entry["digest"] for entry in value["manifests"]] == [images[1].manifest_digest, images[0].manifest_digest]
    assert [entry["size"] for entry in value["manifests"]] == [len(images[1].manifest), len(images[0].manifest)]
