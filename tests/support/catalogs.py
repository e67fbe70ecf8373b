"""dbt projects whose tables lie in Iceberg catalogs: a world of `dbt_world` with catalogs, and a client of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from floe_images.artifacts.codec import decode, encode
from floe_images.artifacts.model import CatalogArtifact, DuckDBArtifact, HomePath, Reference, Settings, TargetArtifact
from tests.support.dbt_world import World
from tests.support.lake import Lake

_ASK = """
import json, sys
from pyiceberg.catalog import load_catalog
order = json.loads(sys.stdin.read())
catalog = load_catalog(order["catalog"], **order["properties"])
table = catalog.load_table(order["table"])
rows = table.scan(snapshot_id=order["snapshot"]).to_arrow().to_pylist()
print(json.dumps({
    "format_version": table.metadata.format_version,
    "columns": {field.name: str(field.field_type) for field in table.schema().fields},
    "partition": [[table.schema().find_column_name(f.source_id), str(f.transform)] for f in table.spec().fields],
    "snapshots": [[s.snapshot_id, s.summary.operation.value] for s in table.metadata.snapshots],
    "files": len(table.inspect.data_files()),
    "rows": sorted(([str(value) for value in row.values()] for row in rows)),
}))
"""
_LINK = """
import importlib.metadata, pathlib, sys
folder = pathlib.Path(sys.argv[1]); folder.mkdir(parents=True)
for distribution in importlib.metadata.distributions():
    if distribution.name.replace("_", "-").startswith("duckdb-extension-"):
        for file in distribution.files:
            if file.name.endswith(".duckdb_extension"):
                (folder / file.name).symlink_to(distribution.locate_file(file))
"""
_ROWS = """
import duckdb, json, sys
order = json.loads(sys.stdin.read())
config = {"autoinstall_known_extensions": "false"}
if order["home"]:
    config["extension_directory"] = order["home"]
connection = duckdb.connect(order["file"], read_only=order["file"] != ":memory:", config=config)
for statement in order["before"]:
    connection.execute(statement)
print(json.dumps(sorted([str(value) for value in row] for row in connection.execute(order["sql"]).fetchall())))
"""
DUCKDB_VERSION = "1.5.5"


@dataclass(frozen=True, kw_only=True)
class Catalogs:
    """Targets, each a DuckDB file with its tables in a catalog: ``rest`` on the lake, and ``local``; ``dev`` has none.

    ``rest`` has the namespace ``shop``.
    """

    world: World
    lake: Lake
    namespace: str

    @classmethod
    def make(
        cls, folder: Path, python: Path, lake: Lake, files: Mapping[str, str], *, namespace: str, machine: str = "amd64"
    ) -> Catalogs:
        world = World.make(folder, python, files)
        (folder / "secrets" / "lake").write_text(f"{lake.key}:{lake.secret}\n")
        (folder / "secrets" / "s3").write_text(lake.secret)
        file = folder / "home" / "artifacts.json"
        artifacts = decode(file.read_bytes(), where="artifacts")
        document = json.loads(encode(artifacts))
        made = decode(json.dumps(document).encode(), where="artifacts")
        made = _with(made, lake, namespace)
        file.write_bytes(encode(made))
        link_extensions(python, folder / "home" / "duckdb", machine=machine)
        return cls(world=world, lake=lake, namespace=namespace)

    def rows(self, table: str, *, target: str) -> list[list[str]]:
        """As text, sorted: of the target's DuckDB file; of ``rest`` by a DuckDB that attaches the catalog."""
        order = {"file": str(self.world.folder / "state" / f"{target}.duckdb"), "before": [], "home": ""}
        name = f'"{self.namespace}"."{table}"'
        if target == "rest":
            home = str(self.world.folder / "home/duckdb")
            order = {"file": ":memory:", "before": self.lake.attach("mine"), "home": home}
            name = f"mine.{name}"
        done = subprocess.run(
            [str(self.world.python), "-c", _ROWS],
            input=json.dumps({**order, "sql": f"select * from {name}"}),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return list(json.loads(done.stdout))

    def ask(self, table: str, *, target: str = "rest", snapshot: int | None = None) -> dict[str, Any]:
        """What a client with nothing of floe's finds in the target's catalog: metadata, and rows as text, sorted."""
        folder = self.world.folder / "state" / "iceberg"
        local = {
            "type": "sql",
            "uri": f"sqlite:///{folder}/catalog.sqlite",
            "warehouse": f"file://{folder}",
        }
        properties = self.lake.properties if target == "rest" else local
        # A SQL catalog's tables belong to the catalog's name; others do not ask for it.
        return read_table(self.world, properties, f"{self.namespace}.{table}", catalog="folder", snapshot=snapshot)


def read_table(
    world: World, properties: Mapping[str, str], table: str, *, catalog: str = "there", snapshot: int | None = None
) -> dict[str, Any]:
    """What a client with nothing of floe's finds: metadata, and rows as text, sorted."""
    order = {"catalog": catalog, "properties": dict(properties), "table": table, "snapshot": snapshot}
    done = subprocess.run(
        [str(world.python), "-W", "ignore", "-c", _ASK],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        env={**world.environ},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout))


def link_extensions(python: Path, folder: Path, *, machine: str = "amd64") -> None:
    """DuckDB's extensions of this environment, as an image has them in ``folder``."""
    subprocess.run([str(python), "-c", _LINK, str(folder / f"v{DUCKDB_VERSION}" / f"linux_{machine}")], check=True)


def _with(artifacts: Any, lake: Lake, namespace: str) -> Any:
    from dataclasses import replace

    def target(name: str, catalog: str | None) -> TargetArtifact:
        settings = {"catalog": catalog, "path": f"/var/lib/floe/{name}.duckdb", "schema": namespace, "threads": 2}
        kept = {key: value for key, value in settings.items() if value is not None}
        return TargetArtifact(name=name, adapter="duckdb", settings=Settings(tuple(kept.items())))

    storage = {
        "access_key_id": lake.key,
        "endpoint": lake.s3,
        "path_style": True,
        "region": "us-east-1",
        "secret_access_key": Reference(kind="secret", name="s3"),
        "type": "s3",
    }
    rest = {
        "credential": Reference(kind="secret", name="lake"),
        "storage": Settings(tuple(storage.items())),
        "uri": lake.catalog,
        "warehouse": lake.warehouse,
    }
    return replace(
        artifacts,
        adapters=("duckdb",),
        targets=(target("dev", None), target("local", "folder"), target("rest", "lake")),
        catalogs=(
            CatalogArtifact(name="folder", type="local", settings=Settings((("warehouse", "/var/lib/floe/iceberg"),))),
            CatalogArtifact(name="lake", type="rest", settings=Settings(tuple(rest.items()))),
        ),
        duckdb=DuckDBArtifact(
            version=DUCKDB_VERSION, directory=HomePath("duckdb"), extensions=("httpfs", "avro", "iceberg")
        ),
    )
