"""Write a table of a catalog until it has something to maintain, and tell what `maintenance` plans and leaves, as JSON.

stdin: {"name", "properties", "foreign"}; the last: whether to leave a file that is none of Iceberg's. The clock of the
plans is days ahead, as a store's own times cannot be set.
"""

import json
import sys
from datetime import timedelta

import pyarrow as pa

from floe_images.runtime.catalogs.files import stored
from floe_images.runtime.catalogs.lookup import Properties
from floe_images.runtime.catalogs.maintenance import Policy, perform, plan_table, tables, utc_now
from floe_images.runtime.catalogs.table import open_catalog, write_table
from floe_images.runtime.catalogs.types import partition_fields

order = json.loads(sys.stdin.read())
catalog = open_catalog(order["name"], Properties(order["properties"]))
ONE = ("kept", "one")
TWO = ("kept", "one_more")  # whose location begins like the other's


def write(identifier, start, mode, **more):
    rows = pa.table({"id": list(range(start, start + 10)), "text": ["x"] * 10})
    write_table(catalog, identifier, rows.to_reader(), mode=mode, **more)


def rows(snapshot=None):
    return sorted(catalog.load_table(ONE).scan(snapshot_id=snapshot).to_arrow()["id"].to_pylist())


def plan(days, **policy):
    work = plan_table(catalog, ONE, Policy(**policy), now=utc_now() + timedelta(days=days))
    said = {
        "rewrite": work.rewrite and work.rewrite.data_files,
        "expire": len(work.expire),
        "remove": sorted(file.location.rpartition("/")[2] for file in work.remove),
    }
    return work, said


write(ONE, 0, "overwrite", partition=partition_fields("bucket(2, id)", of="one"))
write(TWO, 0, "overwrite")
for number in range(1, 6):
    write(ONE, number * 10, "append")
write(ONE, 100, "overwrite")
table = catalog.load_table(ONE)
with table.io.new_output(f"{table.location()}/data/orphan.parquet").create() as out:
    out.write(b"half a file")
if order["foreign"]:
    with table.io.new_output(f"{table.location()}/data/somebodys.txt").create() as out:
        out.write(b"none of Iceberg's")
others = sorted(file.location for file in stored(catalog.load_table(TWO)))
found = {"tables": sorted(".".join(each) for each in tables(catalog)), "rows": rows()}
found["young"] = plan(0)[1]
before = sorted(file.location for file in stored(table))
work, found["dry"] = plan(30, keep_last=2)
found["dry_changed_nothing"] = before == sorted(file.location for file in stored(catalog.load_table(ONE)))
found["snapshots"] = [len(catalog.load_table(ONE).metadata.snapshots)]
perform(catalog, work)
found["snapshots"].append(len(catalog.load_table(ONE).metadata.snapshots))
found["after"] = [rows(), *[rows(each.snapshot_id) for each in catalog.load_table(ONE).metadata.snapshots]]
found["again"] = plan(30, keep_last=2)[1]
found["others"] = others == sorted(file.location for file in stored(catalog.load_table(TWO)))
for number in range(3):
    write(ONE, 200 + number * 10, "append")
work, found["small"] = plan(0, small_files=2)
perform(catalog, work)
found["files"] = len(catalog.load_table(ONE).inspect.data_files())
found["still"] = len(rows())
if order["foreign"]:
    found["foreign"] = catalog.load_table(ONE).io.new_input(f"{table.location()}/data/somebodys.txt").exists()
print(json.dumps(found))
