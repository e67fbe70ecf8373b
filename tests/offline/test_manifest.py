"""The layer of dbt's manifests, on a stand-in for dbt that the image's real Python runs."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from tests.offline.conftest import Built
from tests.support.mirror_floe import assert_refused, copy_cache, index_digest, must, run_floe
from tests.support.mirror_tiny import floe
from tests.support.roles import alive

pytestmark = pytest.mark.network

PLACE = "opt/floe/manifests/dev/project/transform/manifest.json"


def manifest(layout: Path) -> tuple[set[str], dict[str, Any]]:
    """The digests of the topmost layers of every platform, and the manifest in them."""

    def blob(digest: str) -> bytes:
        return (layout / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes()

    index = json.loads(blob(index_digest(layout)))
    tops = {json.loads(blob(each["digest"]))["layers"][-1]["digest"] for each in index["manifests"]}
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(blob(min(tops))))) as layer:
        (file,) = [each for each in layer if each.isfile()]
        assert (file.name, file.mode, file.uid, file.mtime) == (PLACE, 0o644, 0, 315532800)
        found = layer.extractfile(file)
        assert found
        return tops, json.loads(found.read())


def test_both_platforms_carry_the_same_layer_and_it_tells_of_no_machine(built: Built) -> None:
    tops, found = manifest(built.project / ".floe/image")
    assert len(tops) == 1
    assert list(found["nodes"]) == ["model.tiny.one"]
    assert found["metadata"]["made_in"] == "/opt/floe/project/transform"
    assert found["metadata"]["generated_at"].startswith("20")
    assert "manifest" in dict(built.run.phases)


def test_a_changed_model_makes_two_layers_and_a_refused_one_changes_nothing(built: Built) -> None:
    project = built.ground.project("manifest-changed", lock=built.lock)
    cache = copy_cache(built.cache, built.ground.folder / "manifest-cache", "downloads", "fragments", "blobs", "memo")
    env = {**built.ground.environment("manifest"), "FLOE_CACHE_DIR": str(cache)}
    (project / "transform/models/two.sql").write_text("select 2 as two\n")
    made = json.loads(must(run_floe(project, env, "build", "--json")).stdout)
    assert [image["made"] for image in made["images"]] == [["project", "manifest"]] * 2
    _, found = manifest(project / ".floe/image")
    assert list(found["nodes"]) == ["model.tiny.one", "model.tiny.two"]

    again = json.loads(must(run_floe(project, env, "build", "--json")).stdout)
    assert [image["made"] for image in again["images"]] == [[], []]
    assert again["digest"] == made["digest"]

    env["SOURCE_DATE_EPOCH"] = "1700000000"
    told = json.loads(must(run_floe(project, env, "build", "--json")).stdout)
    assert [image["made"] for image in told["images"]] == [["manifest"]] * 2
    assert manifest(project / ".floe/image")[1]["metadata"]["generated_at"] == "2023-11-14T22:13:20Z"

    (project / "transform/models/two.sql").write_text("broken\n")
    line = assert_refused(run_floe(project, env, "build"), 5)
    assert line == "error: transform: broken in transform/models"
    assert index_digest(project / ".floe/image") == told["digest"]
    assert not [path.name for path in (cache / "tmp").iterdir() if path.name.startswith(("manifest", "tree"))]


def _dbt_of(cache: Path) -> list[int]:
    """The processes that run the image's dbt for a build with this cache and have used a second of CPU by now."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environ, words = (entry / "environ").read_bytes(), (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # proc(5): utime is the 14th field of stat, so the 12th after the name.
        if f"TMPDIR={cache}/tmp/manifest".encode() in environ and int(words[11]) >= os.sysconf("SC_CLK_TCK"):
            found.append(int(entry.name))
    return found


def test_a_killed_build_leaves_no_dbt_that_never_looks_up(built: Built) -> None:
    """Its one operation takes for ever and lets no other thread run."""
    project = built.ground.project("manifest-killed", lock=built.lock)
    cache = copy_cache(built.cache, built.ground.folder / "killed-cache", "downloads", "fragments", "blobs", "memo")
    env = {**built.ground.environment("killed"), "FLOE_CACHE_DIR": str(cache)}
    (project / "transform/models/two.sql").write_text("forever\n")
    with subprocess.Popen(floe("build"), cwd=project, env=env, stderr=subprocess.DEVNULL) as build:
        try:
            end = time.monotonic() + 300
            while not (found := _dbt_of(cache.resolve())) and build.poll() is None and time.monotonic() < end:
                time.sleep(0.2)
            assert len(found) == 1
            time.sleep(2)  # it does not come out of it
            assert (alive(found[0]), build.poll()) == (True, None)
        finally:
            build.send_signal(signal.SIGKILL)
    end = time.monotonic() + 10
    while alive(found[0]) and time.monotonic() < end:
        time.sleep(0.1)
    assert not alive(found[0])
