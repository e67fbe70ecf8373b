"""Images are resolved and copied: what is asked for, what is kept, what breaks off."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from floe_images.engine.registry.copy import downloaded
from floe_images.engine.registry.place import Registries
from floe_images.engine.registry.resolve import resolve_image
from floe_images.engine.store import Store
from floe_images.errors import (
    MirrorContentError,
    NotCachedError,
    PackageGoneError,
    ResolveError,
    TruncatedDownloadError,
    UsageError,
    WrongHashError,
)
from floe_images.image.layout import write_layout
from floe_images.image.pulled import PulledName
from floe_images.image.read import open_source, read_index
from floe_images.image.words import DOCKER_LIST, DOCKER_MANIFEST, INDEX, LAYER_GZIP, MANIFEST
from floe_images.progress import SILENT
from tests.support.built import AMD64, ARM64
from tests.support.registry_client import BOTH, add_layer, copy, resolve
from tests.support.registry_fake import Answer, FakeRegistry

ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"


FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"


BIG = bytes(range(256)) * 4096


@pytest.mark.parametrize(("index", "manifest"), [(INDEX, MANIFEST), (DOCKER_LIST, DOCKER_MANIFEST)])
def test_a_tag_becomes_digests_and_blobs(
    fake: FakeRegistry, registries: Registries, store: Store, tmp_path: Path, index: str, manifest: str
) -> None:
    entries = [fake.put_image("team/say", platform=platform, kind=manifest) for platform in BOTH]
    digest = fake.put_index("team/say", "1.0", *entries, kind=index)
    locked = resolve(fake, registries)
    assert (locked.service, locked.reference, locked.index) == ("polaris", f"{fake.host}/team/say:1.0", digest)
    assert [(platform, each.digest, each.size) for platform, each in locked.manifests] == [
        (platform, entry["digest"], entry["size"]) for platform, entry in zip(BOTH, entries, strict=True)
    ]
    images = copy(locked, registries, store)
    assert [(image.platform, image.media_type) for image in images] == [(AMD64, manifest), (ARM64, manifest)]
    reference = PulledName.parse(locked.reference).local
    write_layout(tmp_path / "out", images, reference=reference, annotations=(), blob_path=downloaded(store))
    with open_source(tmp_path / "out") as source:
        found = read_index(source).images
    assert [image.manifest_digest for image in found] == [entry["digest"] for entry in entries]


def test_one_platforms_manifest_under_a_tag(fake: FakeRegistry, registries: Registries) -> None:
    entry = fake.put_image("team/say")
    fake.content["/v2/team/say/manifests/1.0"] = fake.content[f"/v2/team/say/manifests/{entry['digest']}"]
    reference = f"{fake.host}/team/say:1.0"
    locked = resolve_image("polaris", reference, [AMD64], registries=registries, progress=SILENT)
    assert locked.index == locked.manifests[0][1].digest == entry["digest"]
    with pytest.raises(ResolveError, match="no image for linux/arm64, only for linux/amd64"):
        resolve(fake, registries)


def test_layers_keep_their_bytes_and_types(fake: FakeRegistry, registries: Registries, store: Store) -> None:
    fake.put_both(layers=((b"gzip", LAYER_GZIP), (b"zstd", ZSTD), (b"foreign", FOREIGN)))
    images = copy(resolve(fake, registries), registries, store)
    kinds = [layer["mediaType"] for layer in json.loads(images[0].manifest)["layers"]]
    assert kinds == [LAYER_GZIP, ZSTD, FOREIGN]
    assert [downloaded(store)(layer.digest).read_bytes() for layer in images[0].layers] == [
        b"gzip",
        b"zstd",
        b"foreign",
    ]


def test_a_foreign_layer_that_the_registry_has_not_is_fetched_from_nobody(
    fake: FakeRegistry, registries: Registries, store: Store, elsewhere: FakeRegistry
) -> None:
    fake.put_both(layers=((b"foreign", FOREIGN),))
    locked = resolve(fake, registries)
    for path in [path for path in fake.content if "/blobs/" in path and fake.content[path].body == b"foreign"]:
        del fake.content[path]
    with pytest.raises(MirrorContentError, match="may not be distributed"):
        copy(locked, registries, store)
    assert elsewhere.asked == []


def test_what_is_cached_is_not_asked_for(fake: FakeRegistry, registries: Registries, store: Store) -> None:
    fake.put_both()
    locked = resolve(fake, registries)
    with pytest.raises(NotCachedError, match="not in the cache") as caught:
        copy(locked, registries, store, frozen=True)
    assert caught.value.where == "services.polaris"
    first = copy(locked, registries, store)
    assert {layer.rebuilt for image in first for layer in image.layers} == {True}
    fake.asked.clear()
    second = copy(locked, registries, store, frozen=True)
    assert fake.asked == []
    assert {layer.rebuilt for image in second for layer in image.layers} == {False}


def test_a_digest_is_asked_for_and_believed_alone(fake: FakeRegistry, registries: Registries) -> None:
    digest = fake.put_both()
    assert resolve(fake, registries, f"team/say:9@{digest}").index == digest
    assert "/v2/team/say/manifests/9" not in fake.paths()
    other = "sha256:" + "0" * 64
    fake.content[f"/v2/team/say/manifests/{other}"] = fake.content["/v2/team/say/manifests/1.0"]
    with pytest.raises(WrongHashError, match="not what its digest says"):
        resolve(fake, registries, f"team/say@{other}")


def test_a_layer_that_breaks_off_goes_on_where_it_was(fake: FakeRegistry, registries: Registries, store: Store) -> None:
    fake.put_both(layers=((BIG, LAYER_GZIP),))
    locked = resolve(fake, registries)
    path = add_layer(fake, BIG)
    whole, half = fake.content[path], len(BIG) // 2
    fake.content[path] = Answer(body=BIG[:half], length=len(BIG))
    impatient = replace(registries, http=replace(registries.http, attempts=1))
    with pytest.raises(TruncatedDownloadError):
        copy(locked, impatient, store)
    fake.content[path] = whole
    fake.asked.clear()
    images = copy(locked, registries, store)
    (asked,) = [asked for asked in fake.asked if asked.path == path]
    assert asked.headers["range"] == f"bytes={half}-"
    assert downloaded(store)(images[0].layers[0].digest).read_bytes() == BIG


def test_what_a_registry_dropped_is_named_with_what_to_do(
    fake: FakeRegistry, registries: Registries, store: Store
) -> None:
    fake.put_both()
    locked = resolve(fake, registries)
    for path in [path for path in fake.content if "/blobs/" in path]:
        del fake.content[path]
    with pytest.raises(PackageGoneError, match="no longer has") as caught:
        copy(locked, registries, store)
    assert "floe lock --upgrade polaris" in (caught.value.hint or "")


def test_a_manifest_that_rotted_in_the_cache_comes_anew(
    fake: FakeRegistry, registries: Registries, store: Store
) -> None:
    fake.put_both()
    locked = resolve(fake, registries)
    first = copy(locked, registries, store)
    path = downloaded(store)(first[0].manifest_digest)
    path.write_bytes(path.read_bytes().replace(b"layers", b"sreyal"))
    assert copy(locked, registries, store)[0].manifest == first[0].manifest


def test_what_is_no_reference(registries: Registries) -> None:
    with pytest.raises(UsageError, match="not the name of an image"):
        resolve_image("polaris", "https://quay.io/x", BOTH, registries=registries, progress=SILENT)
