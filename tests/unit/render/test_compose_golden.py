"""compose/ is what floe renders."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import yaml

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "compose"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_compose", ROOT / "scripts" / "make_compose.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_files_are_current() -> None:
    there = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in FOLDER.rglob("*.yaml")}
    assert there == script().make(), "run python scripts/make_compose.py"


def test_together_they_have_every_service_once() -> None:
    names = [name for path in FOLDER.glob("*.yaml") for name in yaml.safe_load(path.read_text())["services"]]
    assert sorted(names) == [
        "code-server", "daemon", "lake", "lake-init", "polaris", "postgres", "postgres-init", "webserver",
    ]  # fmt: skip
