"""Archives in a real engine: loaded, verified, run hardened, on the classic and on the containerd store."""

from __future__ import annotations

from pathlib import Path

import pytest

from floe_images.engine.docker.load import load_archive, verify_loaded
from floe_images.engine.docker.run import RunRequest, run
from floe_images.engine.docker.tidy import make_volume, remove_image, remove_volume
from floe_images.errors import EngineError, UsageError
from floe_images.image.archive import write_archive
from floe_images.image.build import BuiltImage
from floe_images.image.platform import Platform
from floe_images.image.read import open_source, read_index
from floe_images.image.reference import Reference
from floe_images.progress import Silent
from tests.support.built import AMD64, ARM64, Blobs, sample_image
from tests.support.engine import TestEngine

REFERENCE = Reference.parse("registry.example.internal/test/say:0.1.0")


def _archive(folder: Path, platform: Platform, word: str = "hello") -> tuple[Path, BuiltImage]:
    blobs = Blobs(folder / "cache")
    image = sample_image(blobs, platform, word)
    path = folder / f"say_{platform.slug}_{word}.tar"
    write_archive(path, image, reference=REFERENCE, blob_path=blobs.path)
    return path, image


def _say(engine: TestEngine, request: RunRequest) -> tuple[int, bytes]:
    heard = bytearray()
    outcome = run(engine.api, request, lambda out, err: heard.extend(out or err or b""))
    return outcome.exit_code, bytes(heard)


@pytest.fixture(autouse=True)
def _clean(engine: TestEngine):  # type: ignore[no-untyped-def]
    yield
    remove_image(engine.api, str(REFERENCE))


@pytest.mark.parametrize("platform", [AMD64, ARM64], ids=str)
def test_stock_docker_load_and_a_hardened_run(engine: TestEngine, tmp_path: Path, platform: Platform) -> None:
    path, image = _archive(tmp_path, platform)
    said = engine.docker("load", "--input", str(path)).stdout
    assert f"Loaded image: {REFERENCE}" in said
    found = engine.docker("image", "inspect", "--format", "{{.Id}} {{.Architecture}}", str(REFERENCE)).stdout.split()
    expected = image.manifest_digest if engine.variant == "containerd" else image.config_digest
    assert found == [expected, platform.architecture]
    flags = ["--read-only", "--user", "77:0", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    flags += ["--network", "none", "--pids-limit", "16", "--memory", "64m", "--platform", str(platform)]
    done = engine.docker("run", "--rm", *flags, str(REFERENCE), check=False)
    assert (done.returncode, done.stdout) == (77, f"hello {platform.architecture}\n")


def test_load_through_the_api_verifies_and_runs(engine: TestEngine, tmp_path: Path) -> None:
    path, image = _archive(tmp_path, AMD64)
    loaded = load_archive(engine.api, path, Silent())
    expected = image.manifest_digest if engine.variant == "containerd" else image.config_digest
    assert (loaded.id, loaded.platform, loaded.reference) == (expected, "linux/amd64", str(REFERENCE))
    assert _say(engine, RunRequest(image=loaded.id, user="12:0")) == (12, b"hello amd64\n")
    assert {"bin/say", "var/lib/floe", "var/lib/dpkg/status.d/libfoo1"} <= engine.files(str(REFERENCE))


def test_another_image_under_the_name_is_an_error(engine: TestEngine, tmp_path: Path) -> None:
    first, _ = _archive(tmp_path, AMD64, "first")
    second, _ = _archive(tmp_path, AMD64, "second")
    load_archive(engine.api, second, Silent())
    with open_source(first) as source:
        image = read_index(source).images[0]
    with pytest.raises(EngineError, match="the engine has linux/amd64 sha256:"):
        verify_loaded(engine.api, image)


def test_a_run_is_hardened_and_leaves_nothing(engine: TestEngine, tmp_path: Path) -> None:
    path, _ = _archive(tmp_path, AMD64)
    load_archive(engine.api, path, Silent())
    make_volume(engine.api, "floe-test-state")
    seen: list[dict[str, object]] = []

    def look(out: bytes | None, err: bytes | None) -> None:
        for each in engine.api.client.api.containers(all=True, filters={"label": "floe.run"}):
            seen.append(engine.api.client.api.inspect_container(each["Id"])["HostConfig"])

    try:
        request = RunRequest(image=str(REFERENCE), volumes=(("floe-test-state", "/var/lib/floe"),), memory=64 << 20)
        assert run(engine.api, request, look).exit_code == 12345 % 256
    finally:
        remove_volume(engine.api, "floe-test-state")
    host = seen[0]
    wanted = {"ReadonlyRootfs": True, "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"], "NetworkMode": "none"}
    assert {key: host[key] for key in wanted} == wanted
    assert (host["PidsLimit"], host["Memory"], host["MemorySwap"]) == (512, 64 << 20, 64 << 20)
    assert engine.api.client.api.containers(all=True, filters={"label": "floe.run"}) == []
    assert "floe-test-state" not in engine.docker("volume", "ls", "-q").stdout.split()


def test_a_missing_image_is_not_pulled(engine: TestEngine) -> None:
    with pytest.raises(EngineError, match="the engine has no such image"):
        run(engine.api, RunRequest(image="registry.example.internal/test/absent:1"), lambda out, err: None)


def test_what_is_no_archive_does_not_reach_the_engine(engine: TestEngine, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"\0" * 10240)
    with pytest.raises(UsageError, match="not an OCI image archive"):
        load_archive(engine.api, tmp_path / "x.tar", Silent())
