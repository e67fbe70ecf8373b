"""Prints, as one line of JSON, what a code location offers: assets, checks, jobs, schedules and sensors."""

from __future__ import annotations

import json
import sys
import time

began = time.process_time()
from floe_images.runtime.location import defs  # noqa: E402

repository = defs.get_repository_def()
graph = defs.resolve_asset_graph()


def asset(node: object) -> dict[str, object]:
    return {
        "group": node.group_name,
        "kinds": sorted(node.kinds),
        "owners": sorted(node.owners),
        "tags": sorted(tag for tag in node.tags if not tag.startswith("dagster/")),
        "made": node.is_executable,
        "partitions": str(node.partitions_def) if node.partitions_def else None,
        "after": sorted(key.to_user_string() for key in node.parent_keys),
        "columns": [column.name for column in schema.columns]
        if (schema := node.metadata.get("dagster/column_schema"))
        else [],
    }


def inside(job: object) -> list[str]:
    layer = job.asset_layer.asset_graph
    checks = [f"{key.asset_key.to_user_string()}:{key.name}" for key in layer.asset_check_keys]
    return sorted(key.to_user_string() for key in layer.executable_asset_keys) + sorted(checks)


print(
    json.dumps(
        {
            "seconds": time.process_time() - began,
            "dbt": sorted(name for name in sys.modules if name.split(".")[0] == "dbt"),
            "assets": {node.key.to_user_string(): asset(node) for node in graph.asset_nodes},
            "checks": sorted(f"{key.asset_key.to_user_string()}:{key.name}" for key in graph.asset_check_keys),
            "jobs": {job.name: inside(job) for job in repository.get_all_jobs() if not job.name.startswith("__")},
            "schedules": {
                each.name: [each.job_name, each.cron_schedule, each.execution_timezone, each.default_status.value]
                for each in repository.schedule_defs
            },
            "sensors": {
                each.name: [
                    [target.job_name for target in each.targets],
                    each.minimum_interval_seconds,
                    each.default_status.value,
                ]
                for each in repository.sensor_defs
            },
            "pools": sorted({each.op.pool for each in repository.assets_defs_by_key.values() if each.is_executable}),
        },
        sort_keys=True,
    )
)
