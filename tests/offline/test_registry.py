"""Service images from a real registry (Debian's docker-registry): TLS with a private CA, basic and token logins."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from floe_images.image.digest import Digest
from floe_images.lock.codec import read_lock
from floe_images.lock.model import LockedImage
from tests.offline.conftest import Locked
from tests.support import outside
from tests.support.built import AMD64, ARM64, Blobs, sample_image
from tests.support.mirror_floe import Ground, assert_refused, index_digest, must, plain_mirrors, run_floe, whole
from tests.support.mirror_tls import Tls, make_tls
from tests.support.registry import PASSWORD, USER, Registry, registry_server
from tests.support.registry_fake import FakeRegistry
from tests.support.registry_tokens import TokenServer

pytestmark = pytest.mark.network


@dataclass(frozen=True, kw_only=True)
class World:
    """A registry that has ``team/polaris:1.8.0``, and what Docker's registry calls ``apache/polaris:1.8.0`` below
    ``hub/``; ``digest`` is the index's."""

    registry: Registry
    blobs: Blobs
    digest: Digest
    tls: Tls


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_tls(tmp_path_factory.mktemp("tls") / "tls", "127.0.0.1")


@pytest.fixture
def world(tmp_path: Path, tls: Tls) -> Iterator[World]:
    blobs = Blobs(tmp_path / "blobs")
    images = [sample_image(blobs, platform) for platform in (AMD64, ARM64)]
    with registry_server(tmp_path / "registry", tls=tls, login=True) as registry:
        digest = registry.push("team/polaris", "1.8.0", blobs, *images)
        registry.push("hub/apache/polaris", "1.8.0", blobs, *images)
        yield World(registry=registry, blobs=blobs, digest=digest, tls=tls)


def _project(
    ground: Ground, name: str, lock: bytes | None, services: object, tls: Tls, registries: object = None
) -> Path:
    mirrors = {**json.loads(plain_mirrors(ground.mirror)), "ca_certificates": ["ca.pem"]}
    if registries:
        mirrors["registries"] = registries
    project = ground.project(name, mirrors=json.dumps(mirrors), lock=lock)
    shutil.copy(tls.authority, project / "ca.pem")
    with (project / "floe.yaml").open("a") as file:
        file.write(f"services: {json.dumps(services)}\n")
    return project


def _docker_login(home: str, host: str, user: str = USER, password: str = PASSWORD) -> None:
    folder = Path(home) / ".docker"
    folder.mkdir(parents=True, exist_ok=True)
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))


def _image(lock: bytes) -> LockedImage:
    (service,) = read_lock(lock, "floe.lock").services
    assert isinstance(service, LockedImage)
    return service


def test_lock_check_and_build(world: World, locked: Locked, tmp_path: Path) -> None:
    registry, reference = world.registry, f"{world.registry.host}/team/polaris:1.8.0"
    services = {"polaris": {"image": reference}}
    project = _project(locked.ground, "registry", locked.lock, services, world.tls)
    env = locked.ground.environment("registry")

    line = assert_refused(run_floe(project, env, "lock"), 25)
    assert f"{reference}: {registry.host}: the registry refused with status 401" in line
    assert (project / "floe.lock").read_bytes() == locked.lock

    _docker_login(env["HOME"], registry.host)
    must(run_floe(project, env, "lock"))
    lock = (project / "floe.lock").read_bytes()
    assert (_image(lock).index, _image(lock).reference) == (world.digest, reference)
    assert [str(platform) for platform, _ in _image(lock).manifests] == ["linux/amd64", "linux/arm64"]

    asked = len(registry.asked())
    must(run_floe(project, env, "lock"))
    assert len(registry.asked()) == asked
    assert must(run_floe(project, env, "lock", "--check")).stderr == ""

    newer = [sample_image(world.blobs, platform, "newer") for platform in (AMD64, ARM64)]
    moved = registry.push("team/polaris", "1.8.0", world.blobs, *newer)
    line = assert_refused(run_floe(project, env, "lock", "--check"), 11)
    assert reference in line

    built = must(run_floe(project, env, "build", "--locked", "--json", "--output", tmp_path / "out"))
    (told,) = json.loads(built.stdout)["services"]
    layout = project / ".floe/services/polaris"
    assert project / told["layout"] == layout
    assert {each["platform"]: each["manifest"] for each in told["images"]} == {
        str(platform): manifest.digest for platform, manifest in _image(lock).manifests
    }
    assert whole(layout) == []
    assert index_digest(layout) == world.digest  # this index names nothing but the two platforms
    assert outside.check_skopeo(layout, tmp_path / "copied") == world.digest
    assert sorted(Path(path).name for path in told["archives"]) == [
        "polaris_1.8.0_linux-amd64.tar",
        "polaris_1.8.0_linux-arm64.tar",
    ]
    assert reference in must(run_floe(project, env, "inspect", layout)).stdout
    # Nobody is asked any more: not with --frozen, and not without.
    asked = len(registry.asked())
    must(run_floe(project, env, "build", "--frozen"))
    must(run_floe(project, env, "build", "--locked"))
    assert len(registry.asked()) == asked

    must(run_floe(project, env, "lock", "--upgrade", "polaris"))
    assert _image((project / "floe.lock").read_bytes()).index == moved
    must(run_floe(project, env, "build", "--locked"))
    assert index_digest(layout) == moved
    assert whole(layout) == []


def test_a_mirror_and_its_password_leave_no_trace(world: World, locked: Locked, tmp_path: Path) -> None:
    mirror = {"url": f"{world.registry.url}/hub", "username": USER, "password": {"env": "HUB_PASSWORD"}}
    project = _project(locked.ground, "mirrored", locked.lock, {"polaris": {}}, world.tls, {"docker.io": mirror})
    env = locked.ground.environment("mirrored", HUB_PASSWORD=PASSWORD)
    done = must(run_floe(project, env, "-v", "lock"))
    lock = (project / "floe.lock").read_bytes()
    assert (_image(lock).reference, _image(lock).index) == ("apache/polaris:1.8.0", world.digest)
    secret, basic = PASSWORD.encode(), base64.b64encode(f"{USER}:{PASSWORD}".encode())
    pair = f"{USER}:{PASSWORD}".encode()
    must(run_floe(project, env, "build", "--locked", "--output", tmp_path / "out"))
    texts = [done.stdout.encode(), done.stderr.encode(), lock]
    texts += [
        path.read_bytes() for path in (*(project / ".floe").rglob("*"), *(tmp_path / "out").iterdir()) if path.is_file()
    ]
    for text in texts:
        assert not any(trace in text for trace in (secret, basic, pair, world.registry.host.encode()))


def test_a_token_from_a_server_that_the_registry_believes(tls: Tls, locked: Locked, tmp_path: Path) -> None:
    server = TokenServer.make(tmp_path / "tokens", user=USER, password=PASSWORD)
    with (
        FakeRegistry(tls=tls, rule=server.rule).serving() as tokens,
        registry_server(tmp_path / "registry", tls=tls, token=server.settings(f"{tokens.url}/token")) as registry,
    ):
        blobs = Blobs(tmp_path / "blobs")
        writer = {"Authorization": f"Bearer {server.token('repository:team/polaris:pull,push')}"}
        filling = Registry(host=registry.host, folder=registry.folder, tls=tls, headers=writer)
        digest = filling.push(
            "team/polaris", "1", blobs, *(sample_image(blobs, platform) for platform in (AMD64, ARM64))
        )
        services = {"polaris": {"image": f"{registry.host}/team/polaris:1"}}
        project = _project(locked.ground, "tokens", locked.lock, services, tls)
        env = locked.ground.environment("tokens")
        line = assert_refused(run_floe(project, env, "lock"), 25)
        assert "token server refused somebody without a credential" in line
        _docker_login(env["HOME"], registry.host, password="wrong")
        line = assert_refused(run_floe(project, env, "lock"), 25)
        assert "token server refused the credential" in line
        helper = tmp_path / "bin/docker-credential-floe-test"
        helper.parent.mkdir()
        helper.write_text(f"#!/bin/sh\necho '{json.dumps({'Username': USER, 'Secret': PASSWORD})}'\n")
        helper.chmod(0o755)
        (Path(env["HOME"]) / ".docker/config.json").write_text(
            json.dumps({"credHelpers": {registry.host: "floe-test"}})
        )
        env["PATH"] = f"{helper.parent}{os.pathsep}{env['PATH']}"
        must(run_floe(project, env, "lock"))
        assert _image((project / "floe.lock").read_bytes()).index == digest
        assert {asked.path.split("scope=")[1].split("&")[0] for asked in tokens.asked} == {
            "repository%3Ateam%2Fpolaris%3Apull"
        }


def test_a_registry_that_cannot_be_had_is_one_line_that_names_the_recipe(
    locked: Locked, tls: Tls, tmp_path: Path
) -> None:
    with FakeRegistry().serving() as gone:
        host = gone.host
    services = {"postgres": {"image": f"{host}/postgres:17"}}
    project = _project(locked.ground, "registry-gone", locked.lock, services, tls)
    env = locked.ground.environment("registry-gone")
    done = run_floe(project, env, "lock")
    line = assert_refused(done, 20)
    assert f"{host}/postgres:17: {host}: cannot be reached" in line
    assert "`recipe: postgres` in services.postgres makes the image from packages" in done.stderr
    assert (project / "floe.lock").read_bytes() == locked.lock
    assert not (project / ".floe").exists()


def test_what_the_registry_lost_and_what_it_changed(world: World, locked: Locked) -> None:
    reference = f"{world.registry.host}/team/polaris:1.8.0"
    services = {"polaris": {"image": reference}}
    project = _project(locked.ground, "lost", locked.lock, services, world.tls)
    env = locked.ground.environment("lost")
    _docker_login(env["HOME"], world.registry.host)
    must(run_floe(project, env, "lock"))
    layer = world.blobs.made[0]
    (data,) = world.registry.folder.rglob(layer.digest.removeprefix("sha256:") + "/data")
    data.write_bytes(b"\0" * layer.size)
    line = assert_refused(run_floe(project, env, "build", "--locked"), 21)
    assert "is expected" in line
    data.unlink()
    line = assert_refused(run_floe(project, env, "build", "--locked"), 15)
    assert "no longer has what floe.lock names" in line
    assert not (project / ".floe/services").exists()
