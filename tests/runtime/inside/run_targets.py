"""Run the role ``dbt`` on several targets in one process, as `tests.support.warehouses` asks; a JSON line for each."""

import json
import os
import sys

from floe_images.errors import FloeError
from floe_images.runtime.dbt.role import run_dbt

order = json.loads(sys.argv[1])
# An empty one is a variable of the machine's that was taken away; boto3 minds the difference.
before = {name: value for name, value in os.environ.items() if value}
for target, each in order.items():
    os.environ.clear()
    os.environ.update({**before, **each["environ"]})
    if bigquery := sys.modules.get("dbt.adapters.bigquery.credentials"):
        bigquery._create_bigquery_defaults.cache_clear()  # it outlives a target, of which others' processes have one
    try:
        code = run_dbt([*each["command"], "--target", target])
    except FloeError as fault:
        print(f"error: {fault}", f"hint: {fault.hint}", sep="\n", file=sys.stderr)
        code = fault.exit_code
    print(json.dumps({"target": target, "code": code}), flush=True)
