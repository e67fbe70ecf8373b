"""``floe catalog`` before anything is started: names and the lock."""

from __future__ import annotations

from pathlib import Path

import pytest

from floe_images.cli.console import TextConsole
from floe_images.cli.main import run

_HEAD = """\
version: "1.0"
name: shop
adapters: [duckdb]
targets: {dev: {adapter: duckdb, path: /var/lib/floe/a.duckdb}}
default_target: dev
transforms: [{type: dbt, path: transform}]
"""
_POLARIS = "{type: polaris, uri: 'http://polaris:8181/api/catalog', warehouse: w, credential: {secret: c}%s}"
_MANAGED = _POLARIS % ", storage: {type: s3, location: 's3://b/w'}, manage: {credential: {secret: root}}"


@pytest.mark.parametrize(
    ("catalogs", "arguments", "code", "error"),
    [
        ("", ["plan"], 2, "no catalog of floe.yaml is managed by floe"),
        (f"catalogs: {{theirs: {_POLARIS % ''}}}", ["apply"], 2, "no catalog of floe.yaml is managed by floe"),
        (f"catalogs: {{lake: {_MANAGED}}}", ["plan", "sea"], 2, "floe.yaml has no managed catalog sea"),
        (f"catalogs: {{lake: {_MANAGED}}}", ["apply", "--check"], 2, "No such option"),
        (f"catalogs: {{lake: {_MANAGED}}}", ["plan", "lake"], 10, "there is no floe.lock"),
    ],
)
def test_what_stops_it_before_it_starts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    catalogs: str,
    arguments: list[str],
    code: int,
    error: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "floe.yaml").write_text(f"{_HEAD}{catalogs}\n")
    assert run(["catalog", *arguments], TextConsole()) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert error in said.err
    assert not (tmp_path / ".floe").exists()
