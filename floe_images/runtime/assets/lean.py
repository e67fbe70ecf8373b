"""Imports dagster-dbt without dbt: its specs and its translator need none of it, and dbt takes two seconds."""

from __future__ import annotations

import sys


def import_dagster_dbt_alone() -> None:
    """Import dagster-dbt as it is where dbt is not installed, which it supports; for processes of floe's own only.

    In a process that has dbt or dagster-dbt already, or that needs dagster-dbt's own dbt resource, nothing is changed.
    None in the module cache is an import that fails: https://docs.python.org/3/reference/import.html#the-module-cache
    """
    if "dagster_dbt" in sys.modules or "dbt" in sys.modules:
        return
    sys.modules["dbt"] = None  # type: ignore[assignment]
    try:
        import dagster_dbt  # noqa: F401
    finally:
        del sys.modules["dbt"]
