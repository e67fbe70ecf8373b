"""Dagster's instance settings, ``dagster.yaml``: telemetry off, and nothing outside of the state volume."""

from __future__ import annotations

# https://docs.dagster.io/deployment/oss/oss-instance-configuration. DAGSTER_HOME is the read-only folder that this file
# lies in, so every place that Dagster writes to is named. Places and connections are variables that the runtime sets
# (`runtime/metadata.py`): the same file serves in an image and outside of one, and no secret is in it.
_STORAGE = {
    "sqlite": """\
storage:
  sqlite:
    base_dir: {env: FLOE_DAGSTER_STATE}
""",
    "postgres": """\
storage:
  postgres:
    postgres_db:
      hostname: {env: FLOE_DAGSTER_HOST}
      port: {env: FLOE_DAGSTER_PORT}
      username: {env: FLOE_DAGSTER_USER}
      password: {env: DBT_ENV_SECRET_FLOE_DAGSTER_PASSWORD}
      db_name: {env: FLOE_DAGSTER_DATABASE}
""",
}
_REST = """\
telemetry:
  enabled: false

nux:
  enabled: false

local_artifact_storage:
  module: dagster._core.storage.root
  class: LocalArtifactStorage
  config:
    base_dir: {env: FLOE_DAGSTER_STATE}

# What a step prints goes to the container's output: capturing it runs the program `tail`, which the image has not.
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager

# A pool is of runs: one at a time writes to a DuckDB file, the others are queued. Pools of operations would leave the
# slot of a killed run taken.
concurrency:
  pools:
    default_limit: 1
    granularity: run

run_monitoring:
  enabled: true
  start_timeout_seconds: 180
  cancel_timeout_seconds: 60
  poll_interval_seconds: 30

retention:
  schedule:
    purge_after_days: {skipped: 7, failure: 30, success: 90}
  sensor:
    purge_after_days: {skipped: 1, failure: 30, success: 90}
"""


def render_dagster(*, metadata: str) -> bytes:
    """The text of ``/opt/floe/dagster/dagster.yaml``; ``metadata`` is ``sqlite`` or ``postgres``."""
    return f"{_STORAGE[metadata]}\n{_REST}".encode()
