"""The rows of the flights example's marts, out of the DuckDB file that the pipeline left in the state volume."""

import json

import duckdb

connection = duckdb.connect("/var/lib/floe/flights.duckdb", read_only=True)
marts = {
    mart: connection.execute(f"select count(*), sum(flights)::bigint from {mart}").fetchone()
    for mart in ("daily_delays", "carrier_performance", "busiest_routes", "fleet_age")
}
busiest = connection.execute(
    "select carrier, airline, flights, cancelled, on_time_percent, mean_arrival_delay from carrier_performance "
    "order by flights desc limit 2"
).fetchall()
print(json.dumps({"marts": marts, "busiest": busiest}))
