"""`floe doctor`: what it says about mirrors and tools, its exit code, and that it tells no secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from floe_images.cli.console import TextConsole
from floe_images.cli.main import run
from floe_images.engine import diagnose
from floe_images.engine.assemble import interpreter
from floe_images.engine.docker import connect
from floe_images.image.platform import Platform
from tests.support.mirror import Mirror
from tests.support.mirror_tiny import tiny_project, write_wheel

PASSWORD = "hunter2-of-the-mirror"


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    folder = tmp_path / "index"
    folder.mkdir()
    write_wheel(folder, "dbt-core", "1.11")
    found = Mirror(folders=(folder,), user=("joe", PASSWORD))
    release = tmp_path / "InRelease"
    release.write_bytes(b"x")
    found.pool["debian/dists/bookworm/InRelease"] = release
    found.pool["debian-security/dists/bookworm-security/InRelease"] = release
    with found.serving():
        yield found


@pytest.fixture
def project(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    login = {"username": "joe", "password": {"env": "MIRROR_PASSWORD"}}
    urls = {"python": "simple", "debian": "debian", "debian_security": "debian-security"}
    mirrors = {name: {"url": mirror.url(path), **login} for name, path in urls.items()}
    monkeypatch.setenv("FLOE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MIRROR_PASSWORD", PASSWORD)
    return tiny_project(tmp_path / "project", json.dumps(mirrors)) / "floe.yaml"


def doctor(floe_yaml: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = run(["doctor", "--file", str(floe_yaml), "--json"], TextConsole())
    captured = capsys.readouterr()
    assert PASSWORD not in captured.out + captured.err
    told = json.loads(captured.out)
    assert told["ok"] == (code == 0)
    return code, {finding["name"]: finding for finding in told["findings"]}


def test_everything_is_here(project: Path, mirror: Mirror, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = doctor(project, capsys)
    assert code == 0
    where = "(floe.yaml, image.mirrors.python)"
    assert found["python index"]["detail"] == f"{mirror.url('simple')} {where} answers"
    assert found["debian archive"]["detail"] == f"{mirror.url('debian')} (floe.yaml: image.mirrors.debian) answers"
    assert found["debian security"]["ok"]
    assert found["uv"]["detail"].startswith("uv ")
    assert "zlib-ng" in found["compressor"]["detail"]
    assert {asked.user for asked in mirror.asked} == {"joe"}


def test_no_engine_is_no_failure(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = doctor(project, capsys)
    engine = found["container engine"]
    assert (code, engine["ok"], engine["needed"]) == (0, False, False)
    assert "DOCKER_HOST" in engine["hint"]


def test_what_is_missing_and_how_to_get_it(
    project: Path, mirror: Mirror, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRROR_PASSWORD", "wrong")
    mirror.fault("debian-security", "500")
    monkeypatch.setattr("time.sleep", lambda _: None)
    code, found = doctor(project, capsys)
    assert code == 1
    assert "status 401" in found["python index"]["detail"]
    assert "netrc" in found["python index"]["hint"]
    monkeypatch.setenv("MIRROR_PASSWORD", PASSWORD)
    code, found = doctor(project, capsys)
    assert code == 1
    assert [name for name, finding in found.items() if finding["needed"] and not finding["ok"]] == ["debian security"]
    assert "status 500" in found["debian security"]["detail"]


def test_a_credential_that_is_not_there(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MIRROR_PASSWORD")
    code, found = doctor(project, capsys)
    assert code == 1
    assert "MIRROR_PASSWORD is not set" in found["mirrors"]["detail"]


def test_in_words_and_without_a_project(
    mirror: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("FLOE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", mirror.url("simple", credentials=True))
    monkeypatch.setattr("floe_images.engine.diagnose.check_debian", lambda _: iter(()))
    assert run(["doctor", "--file", str(tmp_path / "none.yaml")], TextConsole()) == 0
    said = capsys.readouterr()
    assert (
        f"ok       python index      {mirror.url('simple')} (UV_*, UV_DEFAULT_INDEX) answers" in said.out.splitlines()
    )
    assert said.out.splitlines()[-1] == "everything that lock and build need is here"
    assert PASSWORD not in said.out + said.err


def test_uv_that_is_not_there(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> str:
        raise FileNotFoundError

    monkeypatch.setattr("uv.find_uv_bin", gone)
    monkeypatch.setenv("PATH", "")
    code, found = doctor(project, capsys)
    assert (code, found["uv"]["ok"]) == (1, False)
    assert "pip install uv" in found["uv"]["hint"]


def test_a_lock_of_another_machine_s_platform_needs_something_that_runs_it(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    amd64, arm64 = Platform("linux", "amd64"), Platform("linux", "arm64")
    monkeypatch.setattr(interpreter, "native_platform", lambda: arm64)
    assert doctor(project, capsys)[1]["manifests"]["detail"] == "dbt of the image for linux/arm64 runs here"

    project.write_text(project.read_text().replace("image: {", "image: {platforms: [linux/arm64], "))
    monkeypatch.setattr(interpreter, "native_platform", lambda: amd64)
    code, found = doctor(project, capsys)
    assert (code, found["manifests"]["ok"], found["manifests"]["needed"]) == (1, False, True)
    assert found["manifests"]["detail"].endswith("and no container engine answers")
    assert found["manifests"]["hint"] == (
        "add linux/amd64 to image.platforms, `floe lock`, `floe build --platform linux/arm64`; or a container engine "
        "that runs linux/arm64 (with qemu registered, on another architecture); or an image without bytecode and "
        "manifests: --no-bytecode"
    )

    engine = SimpleNamespace(architecture="amd64", version="26", store="classic")
    monkeypatch.setattr(connect, "connect", lambda: nullcontext(engine))
    monkeypatch.setattr(diagnose, "_emulated", lambda _: False)
    code, found = doctor(project, capsys)
    assert (code, found["manifests"]["detail"].endswith("and the container engine runs linux/amd64 alone")) == (1, True)
    monkeypatch.setattr(diagnose, "_emulated", lambda platform: platform == arm64)
    code, found = doctor(project, capsys)
    assert (code, found["manifests"]["detail"]) == (0, "dbt of the image for linux/arm64 runs in the engine, by qemu")
    engine.architecture = "arm64"
    assert doctor(project, capsys)[1]["manifests"]["detail"].endswith("linux/arm64 runs in the container engine")


def test_a_machine_that_runs_no_image_at_all(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "native_platform", lambda: None)
    code, found = doctor(project, capsys)
    assert (code, found["bytecode"]["ok"], found["bytecode"]["needed"]) == (1, False, True)
    assert found["bytecode"]["hint"].endswith("make a labelled image without both: --no-bytecode")
    assert "manifests" not in found
