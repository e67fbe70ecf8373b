"""The page about floe.yaml is what the model says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[3]


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "scripts" / "make_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current() -> None:
    page = (ROOT / "docs" / "reference" / "floe-yaml.md").read_text(encoding="utf-8")
    assert page == script().make_page(), "run python scripts/make_reference.py"


def test_the_page_has_a_section_for_each_model_that_it_links_to() -> None:
    page = script().make_page()
    for name in ("ImageSpec", "Mirrors", "SnowflakeTarget", "KeyPairAuth", "PolarisCatalog", "S3Storage", "Traces"):
        assert f"[{name}](#{name.lower()})" in page
        assert f"\n## {name}\n" in page
