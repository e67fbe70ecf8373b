"""The layer of dbt's manifests in a built project."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

from tests.support.flights import PLATFORMS, BuiltProject

PLACE = "opt/floe/manifests/{target}/project/transform/manifest.json"


def manifest_layer(project: BuiltProject) -> str:
    """Its digest, which is the same on both platforms."""
    manifests = [json.loads(_blob(project, project.image(each)["manifest"]).read_bytes()) for each in PLATFORMS]
    tops = {str(each["layers"][-1]["digest"]) for each in manifests}
    assert len(tops) == 1
    return tops.pop()


def manifest_text(project: BuiltProject, target: str) -> bytes:
    with tarfile.open(_blob(project, manifest_layer(project)), "r:*") as layer:
        found = layer.extractfile(PLACE.format(target=target))
        assert found
        return found.read()


def _blob(project: BuiltProject, digest: str) -> Path:
    return project.layout / "blobs/sha256" / digest.removeprefix("sha256:")
