"""Every row of the flights example's tables, in one order and to the last bit, as JSON: ``tables.py FILE`` or, with
PG… variables, ``tables.py``."""

import json
import sys

TABLES = ("stg_flights", "daily_delays", "carrier_performance", "busiest_routes", "fleet_age")

if len(sys.argv) > 1:
    import duckdb

    connection = duckdb.connect(sys.argv[1], read_only=True)
    connection.execute("set enable_progress_bar = false")  # it is printed where a query takes long
    prefix = ""
else:
    import psycopg2

    connection = psycopg2.connect("").cursor()
    prefix = "flights."
found = {}
for table in TABLES:
    connection.execute(f"select * from {prefix}{table}")
    found[table] = [[column[0] for column in connection.description], *sorted(map(repr, connection.fetchall()))]
print(json.dumps(found))
