"""Dagster's instance settings, ``dagster.yaml``: telemetry off, and nothing outside of the state volume."""

from __future__ import annotations

# https://docs.dagster.io/deployment/oss/oss-instance-configuration. DAGSTER_HOME is the read-only folder that this file
# lies in, so every place that Dagster writes to is named.
_SQLITE = """\
telemetry:
  enabled: false

storage:
  sqlite:
    base_dir: {state}/storage

local_artifact_storage:
  module: dagster._core.storage.root
  class: LocalArtifactStorage
  config:
    base_dir: {state}

# What a step prints goes to the container's output: capturing it runs the program `tail`, which the image has not.
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


def render_dagster(*, state: str) -> bytes:
    """The text of ``/opt/floe/dagster/dagster.yaml`` for SQLite under the state volume."""
    return _SQLITE.format(state=state).encode()
