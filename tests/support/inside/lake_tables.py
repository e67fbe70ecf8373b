"""What an Iceberg catalog has: table → [rows, format version, partition spec, columns, former schemas, …].

Arguments: the catalog's name, its properties as JSON, and the tables whose rows count (none: all of them); a value
``secret:NAME`` is the text of that secret.
"""

import hashlib
import json
import sys
from pathlib import Path

from pyiceberg.catalog import load_catalog

name, given, wanted = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]


def value(text):
    kind, _, secret = text.partition("secret:")
    return text if kind or not secret else Path("/run/secrets", secret).read_text().strip()


catalog = load_catalog(name, **{key: value(text) for key, text in given.items()})
found = {}
for namespace in catalog.list_namespaces():
    for identifier in catalog.list_tables(namespace):
        if wanted and identifier[-1] not in wanted:
            continue
        table = catalog.load_table(identifier)
        rows = table.scan().to_arrow().to_pylist()
        found[".".join(identifier)] = {
            "rows": len(rows),
            "version": table.metadata.format_version,
            "partition": [str(field.transform) for field in table.spec().fields],
            "columns": [field.name for field in table.schema().fields],
            "schemas": [[field.name for field in each.fields] for each in table.schemas().values()],
            "snapshots": [each.snapshot_id for each in table.snapshots()],
            "current": table.metadata.current_snapshot_id,
            "digest": hashlib.sha256("\n".join(sorted(map(repr, rows))).encode()).hexdigest(),
        }
print(json.dumps(found))
