"""Images as registries have them, copied and loaded: OCI and Docker manifests, gzip and zstd layers, both stores."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from floe_images.engine.docker.tidy import remove_image
from floe_images.engine.fetch.http import HttpSettings
from floe_images.engine.registry.copy import copy_image, downloaded
from floe_images.engine.registry.place import Registries
from floe_images.engine.registry.resolve import open_repository, resolve_image
from floe_images.engine.store import Store
from floe_images.image.archive import write_archive
from floe_images.image.digest import Digest
from floe_images.image.pulled import PulledName
from floe_images.image.words import DOCKER_LAYER_GZIP, DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST, canonical_json
from floe_images.progress import SILENT
from floe_images.project.load import in_engine
from tests.support.built import AMD64, ARM64, Blobs, sample_image
from tests.support.engine import TestEngine
from tests.support.registry import Registry, registry_server

BOTH = (AMD64, ARM64)
ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with registry_server(tmp_path / "registry") as found:
        yield found


def _zstd(data: bytes) -> bytes:
    """A frame of blocks that are not compressed (RFC 8878, 3.1.1)."""
    parts = [data[start : start + 0x20000] for start in range(0, len(data), 0x20000)]
    blocks = [
        struct.pack("<I", len(part) << 3 | (number == len(parts) - 1))[:3] + part for number, part in enumerate(parts)
    ]
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data)) + b"".join(blocks)


def _push(registry: Registry, blobs: Blobs, kind: str) -> None:
    """``team/say:1.0`` as `docker push` of that kind of engine would leave it."""
    docker = kind == "docker"
    entries = []
    for platform in BOTH:
        image = sample_image(blobs, platform)
        document: dict[str, Any] = json.loads(image.manifest)
        registry.put_blob("team/say", image.config)
        for layer in document["layers"]:
            data = blobs.path(Digest.parse(layer["digest"])).read_bytes()
            if kind == "zstd":
                data = _zstd(gzip.decompress(data))
                layer |= {"mediaType": ZSTD, "digest": Digest.of(data), "size": len(data)}
            registry.put_blob("team/say", data)
            if docker:
                layer["mediaType"] = DOCKER_LAYER_GZIP
        if docker:
            document["mediaType"], document["config"]["mediaType"] = DOCKER_MANIFEST, DOCKER_CONFIG
            del document["annotations"]
        data = canonical_json(document)
        digest = registry.put_manifest("team/say", Digest.of(data), data, document["mediaType"])
        told = {"os": platform.os, "architecture": platform.architecture}
        entries.append({"mediaType": document["mediaType"], "digest": digest, "size": len(data), "platform": told})
    index_kind = DOCKER_LIST if docker else INDEX
    index = canonical_json({"schemaVersion": 2, "mediaType": index_kind, "manifests": entries})
    registry.put_manifest("team/say", "1.0", index, index_kind)


@pytest.mark.parametrize("kind", ["oci", "docker", "zstd"])
def test_what_a_registry_has_runs_from_an_archive(
    engine: TestEngine, registry: Registry, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine.env["DOCKER_HOST"])
    _push(registry, Blobs(tmp_path / "blobs"), kind)
    name, store = f"{registry.host}/team/say:1.0", Store(tmp_path / "cache")
    registries = Registries(http=HttpSettings(), environ={"HOME": str(tmp_path)})
    locked = resolve_image("polaris", name, BOTH, registries=registries, progress=SILENT)

    def copied(*platforms: Any) -> Any:
        return copy_image(
            locked, platforms, opened=lambda: open_repository(name, registries, SILENT), store=store, progress=SILENT
        )

    images, reference = copied(*BOTH), PulledName.parse(name).local
    assert {image.media_type for image in images} == {DOCKER_MANIFEST if kind == "docker" else MANIFEST}
    try:
        for image in images:
            path = tmp_path / f"{image.platform.slug}.tar"
            write_archive(path, image, reference=reference, blob_path=downloaded(store))
            engine.docker("load", "--input", str(path))
            told = engine.docker("image", "inspect", "--format", "{{.Id}} {{.Architecture}}", str(reference)).stdout
            expected = image.manifest_digest if engine.variant == "containerd" else image.config_digest
            assert told.split() == [expected, image.platform.architecture]
            flags = ["--read-only", "--user", "77:0", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
            flags += ["--network", "none", "--platform", str(image.platform)]
            done = engine.docker("run", "--rm", *flags, str(reference), check=False)
            assert (done.returncode, done.stdout) == (77, f"hello {image.platform.architecture}\n")

        # arm64's is what the engine has now: the right one takes its place, and a second time nothing is loaded.
        loaded = [
            in_engine(reference, copied(AMD64), engine.api, blob_path=downloaded(store), store=store, progress=SILENT)
            for _ in range(2)
        ]
        assert loaded[0] == loaded[1]
        assert loaded[0].platform == "linux/amd64"
    finally:
        remove_image(engine.api, str(reference))
