"""Every row of the flights example's marts, as a digest a mart. Argument: the DuckDB file."""

import hashlib
import json
import sys

import duckdb

connection = duckdb.connect(sys.argv[1], read_only=True)
found = {}
for mart in ("daily_delays", "carrier_performance", "busiest_routes", "fleet_age"):
    rows = connection.execute(f"select * from {mart} order by all").fetchall()
    found[mart] = [len(rows), hashlib.sha256(repr(rows).encode()).hexdigest()]
print(json.dumps(found))
