"""Everything that is rendered into the image, at its place."""

from __future__ import annotations

from floe_images.lock.model import Lock
from floe_images.plan.model import PlannedFile
from floe_images.plan.places import ARTIFACTS, DAGSTER_HOME
from floe_images.render.artifacts import render_artifacts
from floe_images.render.dagster import render_dagster
from floe_images.spec.model import Spec


def rendered_files(spec: Spec, lock: Lock) -> tuple[PlannedFile, ...]:
    """What `make_plan` takes as ``rendered``."""
    return (
        PlannedFile(path=ARTIFACTS, data=render_artifacts(spec, lock)),
        PlannedFile(
            path=f"{DAGSTER_HOME}/dagster.yaml", data=render_dagster(metadata=spec.orchestration.metadata.type)
        ),
    )
