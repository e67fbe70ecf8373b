"""Load CSV files as the dbt worker does: ``load_files.py FOLDER NAME…`` into raw.NAME; says what it did, or why not."""

import os
import sys
from pathlib import Path

from floe_images.errors import FloeError
from floe_images.runtime.dbt.load import asked, load

sources = [
    {
        "schema": "raw",
        "identifier": name,
        "name": name,
        "meta": {"floe": {"load": {"file": "{name}.csv", "null": "NA"}}},
    }
    for name in sys.argv[2:]
]
output = {"type": "postgres", "host": os.environ["PGHOST"], "port": int(os.environ["PGPORT"]), "user": "floe",
          "password": "{{ env_var('DBT_ENV_SECRET_FLOE_0') }}", "database": os.environ["PGDATABASE"]}  # fmt: skip
try:
    load(asked(sources), {"floe": {"outputs": {"pg": output}}}, data=Path(sys.argv[1]), say=print)
except FloeError as fault:
    print(f"{type(fault).__name__}: {fault}")
