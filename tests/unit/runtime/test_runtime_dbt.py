"""What dbt is given, and what `dbt --version` says without asking anybody."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from floe_images.runtime.dbt.prepare import environment
from floe_images.runtime.dbt.role import run_dbt
from floe_images.runtime.places import Places


def test_dbt_writes_under_scratch_and_telemetry_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DO_NOT_TRACK", "0")
    for name in ("DBT_TARGET_PATH", "DBT_LOG_PATH"):
        monkeypatch.delenv(name, raising=False)
    places = Places.of({"TMPDIR": "/scratch"})
    assert environment(places, project=Path("/p"), profiles=Path("/scratch/x"), target="dev") == {
        "DBT_PROJECT_DIR": "/p",
        "DBT_PROFILES_DIR": "/scratch/x",
        "DBT_PROFILE": "floe",
        "DBT_TARGET": "dev",
        "DBT_TARGET_PATH": "/scratch/dbt/target",
        "DBT_LOG_PATH": "/scratch/dbt/logs",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
        "SNOWFLAKE_DISABLE_MINICORE": "true",
        "SF_TELEMETRY_DISABLE_CONNECTION_SHAPE": "true",
        "FLOE_DATA_DIR": "/opt/floe/data",
    }


def test_versions_come_from_what_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, version in (("dbt-core", "1.11.16"), ("dbt-duckdb", "1.11.1"), ("duckdb", "1.5.5"), ("dbt-common", "1")):
        info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    adapter = tmp_path / "dbt" / "adapters" / "duckdb"
    adapter.mkdir(parents=True)
    (adapter / "__version__.py").write_text("")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert run_dbt(["--version"]) == 0
    assert capsys.readouterr().out == "Core:\n  - installed: 1.11.16\n\nPlugins:\n  - duckdb: 1.11.1\n"
