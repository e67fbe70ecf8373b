"""Loads DuckDB's extensions by name from where the runtime points DuckDB to, and asks DuckDB which it has."""

import json
import sys

import duckdb

connection = duckdb.connect(config={"extension_directory": "/opt/floe/duckdb", "autoinstall_known_extensions": "false"})
for name in sys.argv[1:]:
    connection.execute(f"load {name}")
rows = connection.execute(
    "select extension_name, loaded, install_path from duckdb_extensions() "
    "where loaded and install_mode is distinct from 'STATICALLY_LINKED' order by 1"
).fetchall()
print(json.dumps({"version": duckdb.__version__, "loaded": rows}))
