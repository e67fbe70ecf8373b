"""The second image of `image.debug`: its own name, a shell on top, and in everything else the same as the first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.engine import TestEngine
from tests.support.flights import PLATFORMS, BuiltProject, build, copy_project, floe, loaded, run_hardened
from tests.support.walk import WalkedImage, walk


@pytest.fixture(scope="module")
def both(flights: BuiltProject, tmp_path_factory: pytest.TempPathFactory) -> tuple[BuiltProject, BuiltProject]:
    """The same project's image and its debug image."""
    folder = copy_project(flights, tmp_path_factory.mktemp("debug") / "flights")
    spec = (folder / "floe.yaml").read_text()
    (folder / "floe.yaml").write_text(
        spec.replace("  max_size: 2GB\n", "  max_size: 2GB\n  debug: true\n  tag: debugged\n")
    )
    stale = floe(folder, "build", "--debug", check=False)
    assert stale.returncode != 0, "a lock without a shell serves no debug image"
    floe(folder, "lock")
    return build(folder), build(folder, "--debug")


@pytest.fixture(scope="module")
def walked(
    both: tuple[BuiltProject, BuiltProject], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, WalkedImage], dict[str, WalkedImage]]:
    plain, debug = (walk(project.layout, tmp_path_factory.mktemp("layers")) for project in both)
    return plain, debug


def test_without_image_debug_there_is_none(flights: BuiltProject) -> None:
    done = floe(flights.folder, "build", "--debug", check=False)
    assert done.returncode == 2
    assert "floe.yaml asks for no debug image" in done.stderr


def test_its_own_name_tag_layout_and_archives(both: tuple[BuiltProject, BuiltProject], flights: BuiltProject) -> None:
    plain, debug = both
    assert plain.reference == "localhost/flights:debugged"
    assert debug.reference == "localhost/flights-debug:debugged-debug"
    assert plain.layout != debug.layout
    assert plain.layout.is_dir()
    assert plain.digest != debug.digest
    names = [Path(path).name for path in (*plain.said["archives"], *debug.said["archives"])]
    assert len(set(names)) == 4


@pytest.mark.parametrize("platform", PLATFORMS)
def test_only_the_file_tree_differs(
    walked: tuple[dict[str, WalkedImage], dict[str, WalkedImage]], flights: BuiltProject, platform: str
) -> None:
    plain, debug = (images[platform] for images in walked)
    assert [layer.diff_id for layer in debug.layers[:-1]] == [layer.diff_id for layer in plain.layers]
    assert debug.layers[-1].name == "floe: debug"
    assert _without_title(debug.config["config"]) == _without_title(plain.config["config"])
    assert debug.config["config"]["Labels"]["org.opencontainers.image.title"] == "flights (debug)"
    others = {"config", "rootfs", "history"}
    assert {key: value for key, value in debug.config.items() if key not in others} == {
        key: value for key, value in plain.config.items() if key not in others
    }
    more = set(debug.tree) - set(plain.tree)
    assert {"usr/bin/busybox", "usr/bin/sh", "usr/bin/ls", "var/lib/dpkg/status.d/busybox-static"} <= more
    assert set(plain.tree) <= set(debug.tree)
    shell = debug.file("bin/sh")
    assert shell is not None
    assert shell.path == "usr/bin/busybox"
    assert [entry.path for entry in debug.layers[-1].entries if entry.mode & 0o6000] == []
    assert plain.file("bin/sh") is None
    # Asking for a debug image changes nothing in the other but the label that names the lock's inputs.
    assert [layer.diff_id for layer in plain.layers] == _diff_ids(flights, platform)


def _without_title(config: dict[str, Any]) -> dict[str, Any]:
    title = "org.opencontainers.image.title"
    return {**config, "Labels": {name: value for name, value in config["Labels"].items() if name != title}}


def _diff_ids(project: BuiltProject, platform: str) -> list[str]:
    digest = project.image(platform)["config"]
    data = (project.layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()
    found: list[str] = json.loads(data)["rootfs"]["diff_ids"]
    return found


@pytest.mark.acceptance
@pytest.mark.parametrize("engine", ["containerd"], indirect=True)
def test_its_shell_runs_under_the_same_flags(engine: TestEngine, both: tuple[BuiltProject, BuiltProject]) -> None:
    plain, debug = both
    script = ("-c", "id -u && ls /opt/floe/project/transform/dbt_project.yml && touch /etc/x")
    flags = ("--entrypoint", "sh")
    with loaded(engine, debug.archive("linux/amd64")) as image:
        done = run_hardened(engine, image, *script, flags=flags, check=False)
        assert done.stdout == "12345\n/opt/floe/project/transform/dbt_project.yml\n"
        assert (done.returncode, "Read-only file system" in done.stderr) == (1, True)
        assert run_hardened(engine, image, "check").stdout.startswith("ok: flights, target dev")
    with loaded(engine, plain.archive("linux/amd64")) as image:
        done = run_hardened(engine, image, *script, flags=flags, check=False)
        assert done.returncode == 127
        assert '"sh"' in done.stderr
