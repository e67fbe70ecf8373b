"""Make a table with three snapshots, execute the job ``maintenance`` twice, dry and not, and tell what Dagster has."""

import json
import os
import time

import dagster
import pyarrow as pa

from floe_images.runtime.assets.definitions import definitions
from floe_images.runtime.catalogs.client import pyiceberg
from floe_images.runtime.catalogs.lookup import Lookup
from floe_images.runtime.catalogs.table import open_catalog, write_table
from floe_images.runtime.places import Places, read_artifacts

places = Places.of(os.environ)
artifacts = read_artifacts(places)
client = open_catalog("out", pyiceberg(artifacts.catalogs[0], Lookup(places, os.environ)))
for number in range(3):
    write_table(client, ("a", "b"), pa.table({"id": [number]}).to_reader(), mode="append")
time.sleep(1.5)
job = definitions(artifacts, places=places).resolve_job_def("maintenance")
told = []
for dry in (True, False):
    with dagster.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance, run_config={"ops": {"maintain": {"config": {"dry_run": dry}}}}, raise_on_error=False
        )
        (end,) = [each for each in result.all_events if each.is_successful_output]
        said = {name: value.value for name, value in end.step_output_data.metadata.items()}
        told.append({"success": result.success, **said, "left": len(client.load_table(("a", "b")).metadata.snapshots)})
(places.state / "out" / "catalog.sqlite").write_bytes(b"this is no catalog")
with dagster.DagsterInstance.ephemeral() as instance:
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    (fault,) = [each for each in result.all_events if each.is_step_failure]
    told.append({"success": result.success, "why": fault.step_failure_data.user_failure_data.description})
print(json.dumps(told))
