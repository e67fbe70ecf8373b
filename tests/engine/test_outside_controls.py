"""The outside checkers accept a good layout and refuse each broken one: a checker that cannot say no proves nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import outside
from tests.support.outside_sample import write_sample

pytestmark = pytest.mark.engine

CHECKS: dict[str, Callable[[Path, Path], object]] = {
    "skopeo": outside.check_skopeo,
    "umoci": lambda layout, scratch: outside.check_umoci(layout, "amd64", scratch),
    "crane": lambda layout, scratch: outside.check_crane(layout),
    "schemas": lambda layout, scratch: outside.check_schemas(layout),
    "paths": lambda layout, scratch: outside.check_paths(layout),
}


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    return write_sample(tmp_path / "layout")


def inner_digest(layout: Path) -> str:
    return str(json.loads((layout / "index.json").read_bytes())["manifests"][0]["digest"])


def test_a_good_layout_is_accepted_by_all(layout: Path, tmp_path: Path) -> None:
    assert outside.check_skopeo(layout, tmp_path / "copied") == inner_digest(layout)
    root = outside.check_umoci(layout, "arm64", tmp_path / "umoci")
    assert "Architecture: arm64" in (root / "var/lib/dpkg/status.d/libfoo1").read_text()
    assert outside.check_crane(layout)[0] == inner_digest(layout)
    assert outside.check_schemas(layout) == 7
    assert outside.check_paths(layout) == 32
    found = outside.check_syft(layout, "amd64")
    assert found == outside.Found(python=frozenset({("tiny-thing", "1.2")}), debian=frozenset({("libfoo1", "1.2-3")}))


def test_syft_misses_what_is_missing(tmp_path: Path) -> None:
    layout = write_sample(tmp_path / "layout", leave_out="status.d")
    assert outside.check_syft(layout, "amd64").debian == frozenset()


@pytest.mark.parametrize("name", ["skopeo", "umoci", "crane", "paths"])
def test_a_layer_with_another_content_is_refused(name: str, layout: Path, tmp_path: Path) -> None:
    for path in sorted((layout / "blobs/sha256").iterdir()):
        body = path.read_bytes()
        if body[:2] == b"\x1f\x8b":
            path.write_bytes(body[:-20] + bytes([body[-20] ^ 0xFF]) + body[-19:])
    with pytest.raises((outside.RefusedError, FileNotFoundError)):
        CHECKS[name](layout, tmp_path / "scratch")


@pytest.mark.parametrize("name", ["skopeo", "umoci", "crane", "schemas", "paths"])
def test_an_absent_blob_is_refused(name: str, layout: Path, tmp_path: Path) -> None:
    (layout / "blobs/sha256" / inner_digest(layout).removeprefix("sha256:")).unlink()
    with pytest.raises((outside.RefusedError, FileNotFoundError)):
        CHECKS[name](layout, tmp_path / "scratch")


def test_a_path_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(outside.RefusedError, match=r"etc/os-release twice"):
        outside.check_paths(write_sample(tmp_path / "layout", twice=True))


def test_a_digest_that_is_none_is_refused_by_the_schema(layout: Path) -> None:
    index = json.loads((layout / "index.json").read_bytes())
    index["manifests"][0]["digest"] = "sha256-0000"
    (layout / "index.json").write_text(json.dumps(index))
    with pytest.raises(outside.RefusedError, match="sha256-0000"):
        outside.check_schemas(layout)
