"""Prints the first rows of every mart; runs where the pipeline ran. Argument: the DuckDB file."""

import sys

import duckdb

connection = duckdb.connect(sys.argv[1], read_only=True)
tables = connection.execute(
    "select table_name from information_schema.tables "
    "where table_type = 'BASE TABLE' and not starts_with(table_name, 'stg_') order by table_name"
).fetchall()
for (table,) in tables:
    relation = connection.execute(f'select * from "{table}" limit 5')
    names = [column[0] for column in relation.description]
    rows = [[str(value) for value in row] for row in relation.fetchall()]
    count = connection.execute(f'select count(*) from "{table}"').fetchone()[0]
    widths = [max(len(row[number]) for row in [names, *rows]) for number in range(len(names))]
    print(f"\n{table}: {count} rows")
    for row in [names, *rows]:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
if not tables:
    sys.exit("no table is there")
