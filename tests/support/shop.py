"""The project ``tests/runtime/shop`` laid out as in an image, with its manifest, for tests of Dagster."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from floe_images.artifacts.codec import encode
from floe_images.artifacts.model import (
    CompiledArtifacts,
    HomePath,
    MaintenanceArtifact,
    ObservabilityArtifact,
    OrchestrationArtifact,
    ScheduleArtifact,
    SensorArtifact,
    Settings,
    TargetArtifact,
    TransformArtifact,
)
from floe_images.render.dagster import render_dagster
from tests.support.flights import ROOT
from tests.support.runtime import run_inside

INSIDE = ROOT / "tests" / "runtime" / "inside"
_BANK = """
import duckdb, sys
for file in sys.argv[1:]:
    with duckdb.connect(file) as database:
        database.execute("create table bank_rates as select 'EUR' currency, 1.1 rate, timestamp '2024-01-01' loaded_at")
"""


def shop_artifacts(arrivals: Path) -> CompiledArtifacts:
    """Two targets on DuckDB files, schedules and one sensor of each kind."""
    return CompiledArtifacts(
        name="shop",
        adapters=("duckdb",),
        targets=tuple(
            TargetArtifact(name=name, adapter="duckdb", settings=Settings((("path", f"/var/lib/floe/{name}.duckdb"),)))
            for name in ("dev", "prod")
        ),
        default_target="dev",
        transforms=(TransformArtifact(type="dbt", path=HomePath("project/shop")),),
        data=(),
        duckdb=None,
        orchestration=OrchestrationArtifact(
            metadata=Settings((("type", "sqlite"),)),
            schedules=(
                _schedule(
                    "nightly",
                    "30 2 * * *",
                    "America/New_York",
                    select=("tag:nightly+",),
                    exclude=("customers_over_time",),
                ),
                _schedule("prod-daily", "@daily", "UTC", target="prod"),
                _schedule("whole", "0 * * * *", "UTC"),
            ),
            maintenance=MaintenanceArtifact(
                cron="0 7 * * *", timezone="UTC", catalogs=(), keep=86400, keep_last=1, orphans=86400
            ),
            sensors=(
                _sensor(
                    "after-nightly", "run_status", select=("customers_over_time",), schedule="nightly", status="success"
                ),
                _sensor("arrival", "file_arrival", path=f"{arrivals}/*.csv"),
                _sensor("elsewhere", "file_arrival", path="s3://bucket/*.csv"),
                _sensor("stale-customers", "freshness", select=("+customers",), max_age=3600, watch=("customers",)),
                _sensor("stale-rates", "freshness", select=("rates",), max_age=3600, watch=("source:bank.rates",)),
            ),
        ),
        observability=ObservabilityArtifact(traces=None, lineage=None),
        versions=Settings(),
    )


def _schedule(name: str, cron: str, zone: str, **rest: Any) -> ScheduleArtifact:
    given = {"select": (), "exclude": (), "target": None, **rest}
    return ScheduleArtifact(name=name, cron=cron, timezone=zone, **given)


def _sensor(name: str, kind: Any, select: tuple[str, ...] = (), **settings: Any) -> SensorArtifact:
    return SensorArtifact(
        name=name,
        type=kind,
        interval=30,
        select=select,
        target=None,
        settings=Settings(tuple(sorted(settings.items()))),
    )


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A place of one test's own: home, state and scratch below ``root``."""

    root: Path
    python: Path

    @property
    def env(self) -> dict[str, str]:
        return {
            "FLOE_HOME": str(self.root / "home"),
            "FLOE_STATE_DIR": str(self.root / "state"),
            "TMPDIR": str(self.root / "scratch"),
            "DAGSTER_HOME": str(self.root / "home" / "dagster"),
            "FLOE_DAGSTER_STATE": str(self.root / "state" / "dagster"),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            "GIT_PYTHON_REFRESH": "quiet",
            "DO_NOT_TRACK": "1",
        }

    def manifest(self, target: str) -> Path:
        return self.root / "home/manifests" / target / "project/shop/manifest.json"

    def parse(self, target: str) -> None:
        """As `floe build` does, and `floe run`."""
        self.manifest(target).parent.mkdir(parents=True)
        options = ["--target", target, "--epoch", "0", "--output", str(self.manifest(target)), "--placeholders"]
        run_inside(self.python, ["-m", "floe_images.runtime.dbt.parse", *options], env=self.env)

    def copy(self, root: Path) -> Shop:
        """As nothing has run on it yet."""
        shutil.copytree(self.root, root)
        (root / "home/artifacts.json").write_bytes(encode(shop_artifacts(root / "in")))
        return Shop(root=root, python=self.python)

    def run(self, script: str, *arguments: str, env: Mapping[str, str] | None = None) -> Any:
        """Run ``tests/runtime/inside/SCRIPT.py`` in the runtime's Python; the last line of JSON that it prints."""
        done = run_inside(
            self.python, [str(INSIDE / f"{script}.py"), *arguments], env={**self.env, **(env or {})}, timeout=400
        )
        return json.loads(next(line for line in reversed(done.stdout.splitlines()) if line.startswith("{")))


def make_shop(root: Path, python: Path) -> Shop:
    """Lay the project out, let dbt make the manifest of the target dev, and load what the bank sends."""
    shop = Shop(root=root, python=python)
    for folder in ("home/project", "home/dagster", "state", "scratch", "in"):
        (root / folder).mkdir(parents=True)
    shutil.copytree(ROOT / "tests" / "runtime" / "shop", root / "home/project/shop")
    (root / "home/artifacts.json").write_bytes(encode(shop_artifacts(root / "in")))
    (root / "home/dagster/dagster.yaml").write_bytes(render_dagster(metadata="sqlite"))
    shop.parse("dev")
    run_inside(python, ["-c", _BANK, *(str(root / "state" / f"{target}.duckdb") for target in ("dev", "prod"))], env={})
    return shop


@pytest.fixture(scope="session")
def shop_template(runtime_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Laid out once; a test that changes it takes ``shop``."""
    return make_shop(tmp_path_factory.mktemp("shop") / "root", runtime_python)


@pytest.fixture
def shop(shop_template: Shop, tmp_path: Path) -> Shop:
    return shop_template.copy(tmp_path / "root")
