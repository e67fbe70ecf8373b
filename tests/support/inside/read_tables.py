"""The same tables read in four ways, by programs with nothing of floe's. stdin: JSON with ``by`` (file, postgres,
attached, pyiceberg), ``tables``, and what that way needs. Prints table → [rows, digest].

The digest is of every row, its values in one spelling whatever type they come in as.
"""

import datetime
import hashlib
import json
import math
import sys
from decimal import Decimal

order = json.loads(sys.stdin.read())


def spelled(value):
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, (int, float, Decimal)):
        return "None" if math.isnan(value) else f"{float(value):.6f}"
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None).isoformat()
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


def by_duckdb(connection, prefix):
    connection.execute("set enable_progress_bar = false")
    for table in order["tables"]:
        found = connection.execute(f"select * from {prefix}{table}")
        yield table, [column[0] for column in found.description], found.fetchall()


def file():
    import duckdb

    return by_duckdb(duckdb.connect(order["file"], read_only=True), "flights.")


def attached():
    import duckdb

    config = {"extension_directory": order["extensions"], "autoinstall_known_extensions": "false"}
    connection = duckdb.connect(config=config)
    for statement in order["before"]:
        connection.execute(statement)
    return by_duckdb(connection, "there.flights.")


def postgres():
    import psycopg2

    cursor = psycopg2.connect(**order["connect"]).cursor()
    for table in order["tables"]:
        cursor.execute(f"select * from public.{table}")
        yield table, [column[0] for column in cursor.description], cursor.fetchall()


def pyiceberg():
    from pyiceberg.catalog import load_catalog

    catalog = load_catalog("there", **order["properties"])
    for table in order["tables"]:
        found = catalog.load_table(f"flights.{table}").scan().to_arrow()
        yield table, found.column_names, [tuple(row.values()) for row in found.to_pylist()]


said = {}
for table, columns, rows in {"file": file, "attached": attached, "postgres": postgres, "pyiceberg": pyiceberg}[
    order["by"]
]():
    at = sorted(range(len(columns)), key=columns.__getitem__)
    lines = sorted("|".join(spelled(row[column]) for column in at) for row in rows)
    head = ",".join(sorted(columns))
    said[table] = [len(rows), hashlib.sha256("\n".join([head, *lines]).encode()).hexdigest()]
print(json.dumps(said))
