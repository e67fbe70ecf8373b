"""Links DuckDB's extensions out of their wheels to where DuckDB looks: /opt/floe/duckdb/v<version>/linux_<arch>/."""

import platform
from pathlib import Path

SITE = Path("/usr/local/lib/python3.11/dist-packages")
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]

for extension in sorted(SITE.glob("duckdb_extension_*/extensions/v*/*.duckdb_extension")):
    folder = Path("/opt/floe/duckdb") / extension.parent.name / f"linux_{ARCHITECTURE}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / extension.name).symlink_to(extension)
