"""Indexes and manifests as registries answer them: which entry is taken, and what is not believed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from floe_images.engine.registry.manifests import Index, Manifest, config_platform, pick, read_answer
from floe_images.errors import MirrorContentError, ResolveError
from floe_images.image.words import CONFIG, DOCKER_LIST, DOCKER_MANIFEST, INDEX, LAYER_GZIP, MANIFEST
from tests.support.built import AMD64, ARM64


def _digest(letter: str) -> str:
    return f"sha256:{letter * 64}"


def _entry(letter: str, platform: dict[str, str], kind: str = MANIFEST, size: int = 500) -> dict[str, Any]:
    return {"mediaType": kind, "digest": _digest(letter), "size": size, "platform": platform}


def _index(*entries: Any, kind: str = INDEX) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": entries}).encode()


AMD, ARM = {"os": "linux", "architecture": "amd64"}, {"os": "linux", "architecture": "arm64"}
CONFIG_ENTRY = {"mediaType": CONFIG, "digest": _digest("c"), "size": 1000}
LAYER = {"mediaType": LAYER_GZIP, "digest": _digest("d"), "size": 2000}


def _manifest(**changed: Any) -> bytes:
    return json.dumps(
        {"schemaVersion": 2, "mediaType": MANIFEST, "config": CONFIG_ENTRY, "layers": [LAYER], **changed}
    ).encode()


@pytest.mark.parametrize("kind", [INDEX, DOCKER_LIST])
def test_one_entry_a_platform_is_taken(kind: str) -> None:
    inner = MANIFEST if kind == INDEX else DOCKER_MANIFEST
    answer = read_answer(_index(_entry("a", AMD, inner), _entry("b", ARM, inner), kind=kind), "", "x")
    assert isinstance(answer, Index)
    assert [pick(answer, platform, "x").digest for platform in (AMD64, ARM64)] == [_digest("a"), _digest("b")]


def test_attestations_and_other_systems_are_passed_over() -> None:
    unknown = {"os": "unknown", "architecture": "unknown"}
    windows = {"os": "windows", "architecture": "amd64"}
    answer = read_answer(_index(_entry("1", unknown), _entry("2", windows), _entry("3", AMD), {"x": 1}, 7), "", "x")
    assert isinstance(answer, Index)
    assert pick(answer, AMD64, "x").digest == _digest("3")
    with pytest.raises(ResolveError, match=r"no image for linux/arm64, only for linux/amd64, windows/amd64"):
        pick(answer, ARM64, "x")


@pytest.mark.parametrize("swapped", [False, True])
def test_the_plain_variant_is_taken(swapped: bool) -> None:
    entries = [_entry("1", {**AMD, "variant": "v3"}), _entry("2", AMD), _entry("3", {**ARM, "variant": "v8"})]
    answer = read_answer(_index(*(entries[::-1] if swapped else entries)), "", "x")
    assert isinstance(answer, Index)
    assert [pick(answer, platform, "x").digest for platform in (AMD64, ARM64)] == [_digest("2"), _digest("3")]


def test_a_processor_of_next_year_alone_will_not_do() -> None:
    answer = read_answer(_index(_entry("1", {**AMD, "variant": "v4"})), "", "x")
    assert isinstance(answer, Index)
    with pytest.raises(ResolveError, match="only for linux/amd64/v4"):
        pick(answer, AMD64, "x")


def test_the_header_says_what_the_body_does_not() -> None:
    body = json.loads(_manifest())
    del body["mediaType"]
    answer = read_answer(json.dumps(body).encode(), f"{DOCKER_MANIFEST}; charset=utf-8", "x")
    assert isinstance(answer, Manifest)
    assert answer.media_type == DOCKER_MANIFEST
    with pytest.raises(MirrorContentError, match="no image manifest"):
        read_answer(json.dumps(body).encode(), "application/json", "x")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no JSON object"),
        (b"[]", "no JSON object"),
        (b"<html>", "no JSON object"),
        (b"[" * 100_000, "no JSON object"),
        (b'{"schemaVersion": 1, "fsLayers": []}', "schema 1"),
        (_manifest(manifests=[]), "has manifests, too"),
        (json.dumps({"mediaType": INDEX, "manifests": [], "layers": []}).encode(), "has layers, too"),
        (json.dumps({"mediaType": INDEX, "manifests": {}}).encode(), "without a list of manifests"),
        (_index(*[1] * 1001), "without a list of manifests"),
        (_index(_entry("a", AMD, size=-1)), "a descriptor that is not whole"),
        (_index(_entry("a", AMD, size=5 << 20)), "of a size that no image has"),
        (_index({**_entry("a", AMD), "digest": "sha512:" + "a" * 128}), "no sha256"),
        (_index({**_entry("a", AMD), "digest": "sha256:../../../etc/passwd"}), "no sha256"),
        (_manifest(config=None), "a descriptor that is not whole"),
        (_manifest(config={**CONFIG_ENTRY, "size": True}), "a descriptor that is not whole"),
        (_manifest(config={**CONFIG_ENTRY, "size": 1 << 40}), "of a size that no image has"),
        (_manifest(config={**CONFIG_ENTRY, "mediaType": "application/vnd.cncf.helm.config"}), "another artifact"),
        (_manifest(layers="abc"), "without a list of layers"),
        (_manifest(layers=[LAYER] * 501), "without a list of layers"),
        (_manifest(layers=[{**LAYER, "size": 8 << 30}]), "of a size that no image has"),
        (_manifest(layers=[{**LAYER, "mediaType": "application/vnd.in-toto+json"}]), "that no image has"),
    ],
)
def test_anything_else_is_one_line(data: bytes, says: str) -> None:
    with pytest.raises(MirrorContentError) as caught:
        read_answer(data, "", "registry.example/a:1")
    assert says in str(caught.value)
    assert caught.value.where == "registry.example/a:1"


def test_layers_that_are_not_gzip_keep_their_types() -> None:
    kinds = ["application/vnd.oci.image.layer.v1.tar+zstd", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"]
    answer = read_answer(_manifest(layers=[{**LAYER, "mediaType": kind} for kind in kinds]), "", "x")
    assert isinstance(answer, Manifest)
    assert [layer.media_type for layer in answer.layers] == kinds


def test_a_config_says_its_platform() -> None:
    assert config_platform(b'{"os":"linux","architecture":"s390x"}', "x") == "linux/s390x"
    with pytest.raises(MirrorContentError, match="names no platform"):
        config_platform(b'{"os":"linux"}', "x")
