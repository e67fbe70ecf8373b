"""Runs the pipeline with the JSON of the first argument as options; prints its outcome and what Dagster recorded.

With ``die_at`` the process is killed when that event comes; with ``partition`` it is the job ``all`` of the code
location, for one partition.
"""

from __future__ import annotations

import json
import os
import signal
import sys

from floe_images.runtime.dbt.process import DbtWorker

options = json.loads(sys.argv[1])
partition = options.pop("partition", None)
die_at = options.pop("die_at", None)
worker = None if partition else DbtWorker.start(adapter="duckdb")

from floe_images.runtime.assets.run import run_pipeline  # noqa: E402, I001  (before Dagster, which it imports leanly)
from floe_images.runtime.places import Places, read_artifacts  # noqa: E402
import dagster  # noqa: E402

told: list[str] = []


class Heard:
    def tell(self, event: object) -> None:
        told.append(type(event).__name__)
        if told[-1] == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def close(self) -> None:
        pass


if partition:
    from floe_images.runtime.location import defs

    with dagster.DagsterInstance.get() as instance:
        result = defs.resolve_job_def("all").execute_in_process(
            instance=instance, partition_key=partition, raise_on_error=False
        )
    outcome = "success" if result.success else "failure"
else:
    places = Places.of(os.environ)
    outcome = run_pipeline(read_artifacts(places), places=places, observers=[Heard()], worker=worker, **options)

with dagster.DagsterInstance.get() as instance:
    (run,) = instance.get_runs(limit=1)
    made, checked = [], {}
    for entry in instance.all_logs(run.run_id):
        event = entry.dagster_event
        if event and event.is_step_materialization:
            found = event.step_materialization_data.materialization
            metadata = {name: value.value for name, value in found.metadata.items()}
            made.append(
                {
                    "asset": found.asset_key.to_user_string(),
                    "partition": found.partition,
                    "rows": metadata.get("dagster/row_count"),
                    "columns": [[each.name, each.type] for each in metadata["dagster/column_schema"].columns],
                    "made_of": {
                        column: [f"{each.asset_key.to_user_string()}.{each.column_name}" for each in origins]
                        for column, origins in metadata["dagster/column_lineage"].deps_by_column.items()
                    }
                    if "dagster/column_lineage" in metadata
                    else None,
                    "table": metadata["dagster/table_name"],
                    "target": metadata["target"],
                    "sql": "sql" in metadata,
                    "seconds": metadata["duration"],
                }
            )
        elif event and event.event_type_value == "ASSET_CHECK_EVALUATION":
            found = event.asset_check_evaluation_data
            checked[f"{found.asset_key.to_user_string()}:{found.check_name}"] = [found.passed, found.severity.value]
    print(
        json.dumps(
            {
                "outcome": outcome,
                "status": run.status.value,
                "before": [each.status.value for each in instance.get_runs()][1:],
                "job": run.job_name,
                "tags": {name: value for name, value in run.tags.items() if name.startswith("floe/")},
                "made": made,
                "checks": checked,
                "finished": told.count("NodeFinished"),
                "ends": told.count("RunFinished"),
            }
        )
    )
