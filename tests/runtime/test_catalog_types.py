"""Every type of catalog and storage on the nearest real server: what floe.yaml says is enough to work with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from floe_images.artifacts.codec import encode
from floe_images.artifacts.model import DuckDBArtifact, HomePath
from floe_images.render.artifacts import compile_artifacts
from floe_images.spec.load import load_spec
from tests.support.catalogs import DUCKDB_VERSION, link_extensions, read_table
from tests.support.catalogs_kinds import KINDS, Kind, why_not
from tests.support.dbt_world import World
from tests.support.flights import ROOT
from tests.support.runtime import run_inside

SCRIPT = ROOT / "tests" / "runtime" / "inside" / "use_catalog.py"
YAML = """\
version: "1.0"
name: shop
adapters: [duckdb]
targets:
  dev: {{adapter: duckdb, path: /var/lib/floe/dev.duckdb, schema: models, threads: 2, catalog: there}}
default_target: dev
catalogs:
  there: {0}
transforms: [{{type: dbt, path: shop}}]
"""
FILES = {
    "models/whole.sql": "{{ config(materialized='table', partition_by='bucket(2, id)') }} "
    "select range::integer as id, 'x' as text from range(3)",
    "models/added.sql": "{{ config(materialized='incremental', incremental_strategy='append') }} "
    "select max(id) as id from {{ ref('whole') }}",
}


@dataclass(frozen=True, kw_only=True)
class Place:
    name: str
    kind: Kind
    world: World

    def ask(self, **order: Any) -> dict[str, Any]:
        text = json.dumps({"catalog": "there", "plain": dict(self.kind.plain), **order})
        done = run_inside(self.world.python, ["-W", "ignore", str(SCRIPT)], env=self.world.env, input=text)
        return dict(json.loads(done.stdout))


@pytest.fixture(scope="module", params=sorted(KINDS))
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, runtime_python: Path
) -> Iterator[Place]:
    if reason := why_not(request.param):
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp(request.param)
    with KINDS[request.param](folder) as kind:
        world = World.make(folder / "world", runtime_python, FILES)
        file = folder / "floe.yaml"
        (folder / "shop").mkdir()
        (folder / "shop" / "dbt_project.yml").write_text("name: shop\n")
        file.write_text(YAML.format(kind.yaml))
        made = compile_artifacts(load_spec(file).spec, None)
        duckdb = DuckDBArtifact(
            version=DUCKDB_VERSION, directory=HomePath("duckdb"), extensions=("httpfs", "avro", "iceberg")
        )
        (folder / "world/home/artifacts.json").write_bytes(encode(replace(made, duckdb=duckdb)))
        link_extensions(runtime_python, folder / "world" / "home" / "duckdb")
        for name, secret in kind.secrets.items():
            (folder / "world/secrets" / name).write_text(f"{secret}\n")
        yield Place(name=request.param, kind=kind, world=world)


def test_a_table_is_made_appended_to_evolved_overwritten_and_maintained(place: Place) -> None:
    found = place.ask()
    assert not found["before"]
    appended = found["appended"]
    assert appended["format_version"] == 2
    assert appended["columns"] == {"id": "int", "day": "date", "note": "string"}
    assert appended["partition"] == [["day", "month"]]
    assert appended["rows"] == [[0, None], [1, None], [2, None], [3, "a"], [4, "b"], [5, None]]
    assert appended["files"] == 4, "of each of two commits, one for each of its two months"
    assert (found["overwritten"]["columns"], found["overwritten"]["partition"]) == ({"id": "long"}, 0)
    assert found["overwritten"]["rows"] == [7, 8]
    assert found["overwritten"]["snapshots"] == ["append", "append", "delete", "append"]
    assert found["tables"] == ["shop.orders"]
    maintained = found["maintained"]
    assert (maintained["expired"], maintained["snapshots"], maintained["rows"]) == (3, 1, [7, 8])
    assert maintained["removed"] > 4
    if place.name in ("rest", "polaris"):
        assert found["duckdb"] == {"orders": [[7], [8]], "mine": [[1, "x"], [2, "y"]], "format_version": 2}
    else:
        assert found["duckdb"] is None


@pytest.mark.acceptance
def test_models_of_dbt_become_tables(place: Place) -> None:
    for _ in range(2):
        (run,) = place.world.run({"target": "dev"})
        assert run.end.outcome == "success", run.end
        for secret in place.kind.secrets.values():
            assert secret not in f"{run.said} {run.end}"
    whole, added = (read_table(place.world, place.kind.plain, f"models.{name}") for name in ("whole", "added"))
    assert whole["rows"] == [["0", "x"], ["1", "x"], ["2", "x"]]
    assert (whole["format_version"], whole["partition"]) == (2, [["id", "bucket[2]"]])
    assert added["rows"] == [["2"], ["2"]]
