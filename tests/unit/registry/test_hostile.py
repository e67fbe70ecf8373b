"""Registries that answer what they should not."""

from __future__ import annotations

import time

import pytest

from floe_images.engine.fetch.http_errors import PageMissingError
from floe_images.engine.registry.place import Registries
from floe_images.engine.store import Store
from floe_images.errors import (
    FloeError,
    MirrorContentError,
    MirrorRefusedError,
    MirrorUnreachableError,
    TruncatedDownloadError,
    WrongHashError,
)
from floe_images.image.words import LAYER_GZIP, MANIFEST
from tests.support.built import AMD64, ARM64
from tests.support.registry_client import BOTH, add_layer, copy, resolve
from tests.support.registry_fake import Answer, Asked, FakeRegistry

BIG = bytes(range(256)) * 4096


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("{same}", "redirects in a circle"),
        ("file:///etc/passwd", "redirects to an address"),
        ("http://u:p@127.0.0.1:1/", "redirects to an address"),
        ("http://[", "redirects to an address"),
        ("http://127.0.0.1:99999/", "redirects to an address"),
    ],
)
def test_redirects_that_lead_nowhere(fake: FakeRegistry, registries: Registries, location: str, says: str) -> None:
    fake.rule = lambda asked: Answer.redirect(location.replace("{same}", asked.path))
    with pytest.raises(MirrorContentError, match=says):
        resolve(fake, registries)
    assert len(fake.asked) <= 9


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (Answer(status=404), PageMissingError, "has no such image"),
        (Answer(status=401), MirrorRefusedError, "refused with status 401"),
        (Answer(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'}), MirrorRefusedError, "status 401"),
        (Answer(status=401, headers={"WWW-Authenticate": "Negotiate"}), MirrorRefusedError, "status 401"),
        (Answer(status=403), MirrorRefusedError, "refused with status 403"),
        (Answer(status=503), MirrorUnreachableError, "status 503"),
        (Answer(status=418), MirrorContentError, "status 418"),
        (Answer(body=b"<html>please log in</html>"), MirrorContentError, "no JSON object"),
        (Answer(body=b"x" * 65536, endless=True), MirrorContentError, "larger than 4194304 bytes"),
        (Answer(body=b"x" * (5 << 20)), MirrorContentError, "larger than 4194304 bytes"),
        (Answer(body=b'{"mediaType"', length=5000), TruncatedDownloadError, "ended in the middle"),
    ],
)
def test_answers_instead_of_a_manifest(
    fake: FakeRegistry, registries: Registries, answer: Answer, kind: type[FloeError], says: str
) -> None:
    fake.content["/v2/team/say/manifests/1.0"] = answer
    with pytest.raises(kind) as caught:
        resolve(fake, registries)
    assert says in str(caught.value)
    assert caught.value.where == f"{fake.host}/team/say:1.0"
    assert "mirror" not in caught.value.message
    assert caught.value.hint or kind is MirrorContentError


def test_a_registry_that_has_enough_is_left_in_peace_as_long_as_it_asks(
    fake: FakeRegistry, registries: Registries
) -> None:
    fake.put_both()
    refused: list[float] = []

    def rule(asked: Asked) -> Answer | None:
        if not refused:
            refused.append(time.monotonic())
            return Answer(status=429, headers={"Retry-After": "1"})
        refused.append(time.monotonic())
        return None

    fake.rule = rule
    resolve(fake, registries)
    assert refused[1] - refused[0] >= 1


def test_an_index_that_names_another_manifest(fake: FakeRegistry, registries: Registries) -> None:
    amd, arm = (fake.put_image("team/say", platform=platform) for platform in BOTH)
    fake.put_index("team/say", "1.0", amd, arm)
    fake.content[f"/v2/team/say/manifests/{arm['digest']}"] = fake.content[f"/v2/team/say/manifests/{amd['digest']}"]
    with pytest.raises(WrongHashError, match="a manifest that is not what its digest says"):
        resolve(fake, registries)
    fake.put_image("team/say", platform=ARM64)
    fake.put_index("team/say", "1.0", amd, {**arm, "size": arm["size"] + 1})
    with pytest.raises(WrongHashError, match="of another size"):
        resolve(fake, registries)


def test_a_manifest_for_the_wrong_platform(fake: FakeRegistry, registries: Registries) -> None:
    entries = [fake.put_image("team/say", platform=platform, says=AMD64) for platform in BOTH]
    fake.put_index("team/say", "1.0", *entries)
    with pytest.raises(MirrorContentError, match="image for linux/arm64 says of itself that it is for linux/amd64"):
        resolve(fake, registries)


def test_an_index_in_the_place_of_a_manifest(fake: FakeRegistry, registries: Registries) -> None:
    inner = fake.put_both(tag="inner")
    size = len(fake.content[f"/v2/team/say/manifests/{inner}"].body)
    entries = [
        {
            "mediaType": MANIFEST,
            "digest": inner,
            "size": size,
            "platform": {"os": "linux", "architecture": platform.architecture},
        }
        for platform in BOTH
    ]
    fake.put_index("team/say", "1.0", *entries)
    with pytest.raises(MirrorContentError, match="names an index as a platform's manifest"):
        resolve(fake, registries)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(body=BIG[:-1] + b"?"), "is expected"),
        (Answer(body=BIG + b"more"), "more than the 1048576 bytes"),
        (Answer(body=BIG, endless=True), "more than the 1048576 bytes"),
    ],
)
def test_a_layer_of_other_bytes_does_not_get_in(
    fake: FakeRegistry, registries: Registries, store: Store, answer: Answer, says: str
) -> None:
    fake.put_both(layers=((BIG, LAYER_GZIP),))
    locked = resolve(fake, registries)
    path = add_layer(fake, BIG)
    fake.content[path] = answer
    with pytest.raises(WrongHashError, match=says):
        copy(locked, registries, store)
    assert store.find("downloads", path.rpartition(":")[2]) is None
