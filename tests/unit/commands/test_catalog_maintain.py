"""``floe catalog maintain``: what it refuses before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.test_main import floe

YAML = """\
version: "1.0"
name: shop
adapters: [duckdb]
targets: {{dev: {{adapter: duckdb, path: /var/lib/floe/dev.duckdb}}}}
default_target: dev
transforms: [{{type: dbt, path: shop}}]
{0}
"""
HERE = "catalogs: {here: {type: local, warehouse: /var/lib/floe/c}}"
LAKE = 'catalogs: {there: {type: rest, uri: "http://lake:8181"}}\nservices: {lake: {}}'


@pytest.mark.parametrize(
    ("more", "arguments", "code", "said"),
    [
        ("", (), 2, "error: floe.yaml has no catalogs\nhint: catalogs: names those that Iceberg tables lie in\n"),
        (HERE, ("elsewhere",), 2, "error: floe.yaml has no catalog elsewhere\nhint: there is: here\n"),
        (
            LAKE,
            (),
            2,
            "error: the catalog there is a service of floe up, which only containers beside it reach\n"
            "hint: floe exec daemon floe-runtime maintain there\n",
        ),
        (HERE, (), 10, "error: there is no floe.lock\nhint: run `floe lock` to make it\n"),
    ],
)
def test_what_is_refused(
    more: str, arguments: tuple[str, ...], code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "dbt_project.yml").write_text("name: shop\n")
    (tmp_path / "floe.yaml").write_text(YAML.format(more))
    file = str(tmp_path / "floe.yaml")
    monkeypatch.chdir(tmp_path)
    assert floe("catalog", "maintain", "--file", file, *arguments) == (code, "", said)
