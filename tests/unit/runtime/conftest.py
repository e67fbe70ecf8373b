"""A folder that looks like the inside of an image."""

from __future__ import annotations

from pathlib import Path

import pytest

from floe_images.artifacts.codec import encode
from floe_images.artifacts.model import (
    CompiledArtifacts,
    DataArtifact,
    ObservabilityArtifact,
    OrchestrationArtifact,
    Settings,
    TargetArtifact,
    TransformArtifact,
)


@pytest.fixture
def inside(tmp_path: Path) -> dict[str, str]:
    """The environment that makes ``tmp_path`` the image's root of floe, with state and scratch beside it."""
    artifacts = CompiledArtifacts(
        name="flights",
        adapters=("duckdb",),
        targets=tuple(
            TargetArtifact(name=name, adapter="duckdb", settings=Settings((("path", f"/var/lib/floe/{name}.duckdb"),)))
            for name in ("dev", "other")
        ),
        default_target="dev",
        transforms=(TransformArtifact(type="dbt", path="project/transform"),),
        data=(DataArtifact(name="flights", path="data/flights.csv"),),
        duckdb=None,
        orchestration=OrchestrationArtifact(metadata=Settings((("type", "sqlite"),)), schedules=(), sensors=()),
        observability=ObservabilityArtifact(traces=None, lineage=None),
        versions=Settings(),
    )
    for folder in ("project/transform", "data", "dagster", "state", "scratch"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "artifacts.json").write_bytes(encode(artifacts))
    (tmp_path / "project/transform/dbt_project.yml").write_text("name: flights\n")
    (tmp_path / "dagster/dagster.yaml").write_text("telemetry: {enabled: false}\n")
    (tmp_path / "data/flights.csv").write_text("a\n")
    return {
        "FLOE_HOME": str(tmp_path),
        "FLOE_STATE_DIR": str(tmp_path / "state"),
        "TMPDIR": str(tmp_path / "scratch"),
    }
