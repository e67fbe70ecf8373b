"""A floe.yaml without a fault, and the findings of any text."""

from __future__ import annotations

from floe_images.spec.load import check_text

GOOD = """\
version: "1.0"
name: flights
image: {python: "3.11"}
adapters: [duckdb]
targets:
  dev: {adapter: duckdb, path: /var/lib/floe/f.duckdb}
default_target: dev
transforms: [{type: dbt, path: transform}]
"""


def findings_of(text: str | bytes) -> list[str]:
    loaded, findings = check_text(text.encode() if isinstance(text, str) else text)
    assert (loaded is None) == bool(findings)
    return [finding.render("floe.yaml") for finding in findings]


def replaced(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)
