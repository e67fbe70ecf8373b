"""Make, append to, evolve and overwrite a table of a catalog in floe.yaml, and tell what another client reads, as JSON.

stdin: {"catalog": its name, "plain": PyIceberg's properties as somebody without floe writes them, "wide"}.
"""

import json
import os
import sys
from datetime import date, timedelta

import pyarrow as pa
from pyiceberg.catalog import load_catalog

from floe_images.runtime.catalogs.attach import duckdb
from floe_images.runtime.catalogs.client import pyiceberg
from floe_images.runtime.catalogs.lookup import Lookup
from floe_images.runtime.catalogs.maintenance import Policy, perform, plan_table, tables, utc_now
from floe_images.runtime.catalogs.table import has_data, open_catalog, write_table
from floe_images.runtime.catalogs.types import partition_fields
from floe_images.runtime.places import Places, read_artifacts

order = json.loads(sys.stdin.read())
places = Places.of(os.environ)
catalog = read_artifacts(places).catalog(order["catalog"])
lookup = Lookup(places, os.environ)
client = open_catalog(catalog.name, pyiceberg(catalog, lookup))
ONE = ("shop", "orders")


def rows(first, **more):
    ids = list(range(first, first + 3))
    days = [date(2024, 1, 1) + timedelta(days=20 * each) for each in ids]
    return pa.table({"id": pa.array(ids, pa.int32()), "day": days, **more}).to_reader()


found = {"before": has_data(client, ONE)}
write_table(client, ONE, rows(0), partition=partition_fields("month(day)", of="orders"))
write_table(client, ONE, rows(3, note=["a", "b", None]), mode="append")
other = load_catalog(catalog.name, **order["plain"])
table = other.load_table(ONE)
found["appended"] = {
    "format_version": table.metadata.format_version,
    "columns": {field.name: str(field.field_type) for field in table.schema().fields},
    "partition": [[table.schema().find_column_name(f.source_id), str(f.transform)] for f in table.spec().fields],
    "rows": sorted([row["id"], row["note"]] for row in table.scan().to_arrow().to_pylist()),
    "files": len(table.inspect.data_files()),
    "location": table.location(),
}
ids = pa.array([7, 8], pa.int64())  # wider, and neither note nor what the table is partitioned by
write_table(client, ONE, pa.table({"id": ids}).to_reader())
table = other.load_table(ONE)
found["overwritten"] = {
    "columns": {field.name: str(field.field_type) for field in table.schema().fields},
    "partition": len(table.spec().fields),
    "rows": sorted(row["id"] for row in table.scan().to_arrow().to_pylist()),
    "snapshots": [str(each.summary.operation.value) for each in table.metadata.snapshots],
}
found["tables"] = [".".join(each) for each in tables(client)]
later = utc_now() + timedelta(days=30)
work = plan_table(client, ONE, Policy(keep_last=1), now=later)
perform(client, work)
table = other.load_table(ONE)
found["maintained"] = {
    "expired": len(work.expire),
    "removed": len(work.remove),
    "snapshots": len(table.metadata.snapshots),
    "rows": sorted(row["id"] for row in table.scan().to_arrow().to_pylist()),
}
attachment = duckdb(catalog, lookup)
found["duckdb"] = None
if attachment:
    import duckdb as db

    connection = db.connect(config={"extension_directory": f"{places.home}/duckdb"})
    for each in ("httpfs", "avro", "iceberg"):
        connection.execute(f"load {each}")
    for statement in attachment.statements():
        connection.execute(statement)
    name = f'"{catalog.name}".shop'
    connection.execute(f"create table {name}.mine with ('format-version' = '2') as select 1 as id, 'x' as text")
    connection.execute(f"insert into {name}.mine values (2, 'y')")
    found["duckdb"] = {
        "orders": connection.execute(f"select id from {name}.orders order by id").fetchall(),
        "mine": connection.execute(f"select * from {name}.mine order by id").fetchall(),
        "format_version": other.load_table(("shop", "mine")).metadata.format_version,
    }
print(json.dumps(found))
