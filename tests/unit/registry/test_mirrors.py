"""Mirrors, proxies, authorities, and what of a lock is asked for again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from floe_images.engine.fetch.http import HttpSettings
from floe_images.engine.registry.lock import check_moved, lock_image
from floe_images.engine.registry.place import Registries
from floe_images.engine.registry.resolve import resolve_image
from floe_images.engine.store import Store
from floe_images.errors import (
    LockStaleError,
    MirrorRefusedError,
    MirrorUnreachableError,
)
from floe_images.image.words import LAYER_GZIP
from floe_images.lock.model import LockedImage
from floe_images.progress import SILENT
from floe_images.spec.image import Mirror
from floe_images.spec.values import EnvRef
from tests.support.built import AMD64
from tests.support.registry_client import BOTH, SECRET, copy, login, resolve
from tests.support.registry_fake import Answer, Asked, FakeRegistry


def _mirrored(registries: Registries, fake: FakeRegistry, host: str = "docker.io", **login: object) -> Registries:
    mirror = Mirror.model_validate({"url": f"{fake.url}/hub/cache", **login})
    return replace(registries, mirrors={host: mirror})


def test_a_mirror_is_asked_in_the_place_of_its_registry(
    fake: FakeRegistry, registries: Registries, store: Store, home: Path
) -> None:
    digest = fake.put_both("hub/cache/apache/polaris", "1.8.0")
    login(home, "docker.io")
    guarded = _mirrored(registries, fake, username="m", password=EnvRef(env="MIRROR"))
    guarded = replace(guarded, environ={**guarded.environ, "MIRROR": SECRET})

    def rule(asked: Asked) -> Answer | None:
        good = asked.authorization == "Basic bTpzZXNhbWUtNDcxMQ=="
        return None if good else Answer(status=401, headers={"WWW-Authenticate": "Basic realm=x"})

    fake.rule = rule
    locked = resolve_image("polaris", "apache/polaris:1.8.0", BOTH, registries=guarded, progress=SILENT)
    assert (locked.reference, locked.index) == ("apache/polaris:1.8.0", digest)
    assert len(copy(locked, guarded, store)) == 2
    assert {asked.authorization for asked in fake.asked} == {"", "Basic bTpzZXNhbWUtNDcxMQ=="}  # docker.io's to nobody


def test_a_mirror_without_its_credential(fake: FakeRegistry, registries: Registries) -> None:
    guarded = _mirrored(registries, fake, username="m", password=EnvRef(env="MIRROR"))
    with pytest.raises(MirrorRefusedError, match="MIRROR is not set"):
        resolve_image("polaris", "apache/polaris:1.8.0", BOTH, registries=guarded, progress=SILENT)


def test_a_registry_that_cannot_be_reached_names_the_other_way(registries: Registries) -> None:
    quick = replace(registries, http=HttpSettings(attempts=1, connect_timeout=1))
    for service, recipe in (("postgres", True), ("polaris", False)):
        with pytest.raises(MirrorUnreachableError) as caught:
            lock_image(service, "127.0.0.1:1/postgres:17", BOTH, previous=None, registries=quick, progress=SILENT)
        assert caught.value.message == "127.0.0.1:1: cannot be reached"
        assert ("`recipe: postgres` in services.postgres" in (caught.value.hint or "")) is recipe
        assert "image.mirrors.registries" in (caught.value.hint or "")


def test_what_is_locked_stays_until_it_is_to_be_upgraded(fake: FakeRegistry, registries: Registries) -> None:
    reference = f"{fake.host}/team/say:1.0"
    first = fake.put_both()

    def lock(previous: LockedImage | None, *platforms: object) -> LockedImage:
        return lock_image(
            "polaris",
            reference,
            platforms or BOTH,
            previous=previous,
            registries=registries,
            progress=SILENT,  # type: ignore[arg-type]
        )

    one = lock(None, AMD64)
    moved = fake.put_both(layers=((b"newer", LAYER_GZIP),))
    fake.asked.clear()
    assert lock(one, AMD64) == one
    assert fake.asked == []
    both = lock(one)  # another platform of the same image, not of what the tag is by now
    assert (both.index, [platform for platform, _ in both.manifests]) == (first, list(BOTH))
    assert dict(both.manifests)[AMD64] == dict(one.manifests)[AMD64]
    assert lock(both, AMD64) == one
    assert lock(None).index == moved


def test_a_tag_that_moved_is_noticed(fake: FakeRegistry, registries: Registries) -> None:
    fake.put_both()
    locked = resolve(fake, registries)
    by_digest = replace(locked, service="lake", reference=f"{fake.host}/team/say@{locked.index}")
    check_moved([locked, by_digest], registries=registries, progress=SILENT)
    fake.put_both(layers=((b"newer", LAYER_GZIP),))
    with pytest.raises(LockStaleError, match="another image now") as caught:
        check_moved([locked, by_digest], registries=registries, progress=SILENT)
    assert locked.reference in str(caught.value)
    assert by_digest.reference not in str(caught.value)
    assert "floe lock --upgrade polaris" in (caught.value.hint or "")


def test_a_proxy_of_the_environment_is_used(
    fake: FakeRegistry, registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = fake.put_both("apache/polaris", "1.8.0")
    monkeypatch.setenv("http_proxy", fake.url)
    monkeypatch.setenv("no_proxy", "")

    def rule(asked: Asked) -> Answer | None:
        host, path = asked.path[:25], asked.path[25:]
        return fake.content.get(path) if host == "http://registry.example.x" else Answer(status=500)

    fake.rule = rule
    mirror = Mirror.model_validate({"url": "http://registry.example.x"})
    proxied = replace(registries, mirrors={"docker.io": mirror})
    locked = resolve_image("polaris", "apache/polaris:1.8.0", BOTH, registries=proxied, progress=SILENT)
    assert locked.index == digest
    assert len(fake.asked) == 5


def test_authorities_of_docker_for_one_registry(
    registries: Registries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from floe_images.engine.registry import place
    from tests.support.mirror_tls import make_tls

    tls = make_tls(tmp_path / "tls", "127.0.0.1")
    monkeypatch.setattr(place, "_CERTIFICATE_FOLDERS", (str(tmp_path / "certs.d"),))
    with FakeRegistry(tls=tls).serving() as fake:
        digest = fake.put_both()
        own = tmp_path / "certs.d" / fake.host / "ca.crt"
        own.parent.mkdir(parents=True)
        own.write_bytes(tls.authority.read_bytes())
        assert resolve(fake, registries).index == digest
