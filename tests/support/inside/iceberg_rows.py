"""Rows and a sum of two marts in an Iceberg catalog, read by PyIceberg alone. Arguments: name, its properties as JSON;
a value ``secret:NAME`` is the text of that secret. Prints [rows, sum, format versions]."""

import json
import sys
from pathlib import Path

from pyiceberg.catalog import load_catalog

name, given = sys.argv[1], json.loads(sys.argv[2])


def value(text):
    kind, _, secret = text.partition("secret:")
    return text if kind or not secret else Path("/run/secrets", secret).read_text().strip()


catalog = load_catalog(name, **{key: value(text) for key, text in given.items()})
days, carriers = (catalog.load_table(f"flights.{mart}") for mart in ("daily_delays", "carrier_performance"))
print(
    json.dumps(
        [
            days.scan().to_arrow().num_rows,
            sum(carriers.scan().to_arrow()["flights"].to_pylist()),
            sorted({days.metadata.format_version, carriers.metadata.format_version}),
        ]
    )
)
