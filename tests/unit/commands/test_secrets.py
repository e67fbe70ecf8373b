"""`floe secrets`: files that are made once and never shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.plan.test_secrets import YAML
from tests.unit.render.test_compose_polaris import YAML as POLARIS

CANARY = "canary-77aa"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    services = "services: {postgres: {}, lake: {}}\n"
    (tmp_path / "transform").mkdir()
    (tmp_path / "floe.yaml").write_text(YAML + services)
    return tmp_path


def floe(project: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "floe_images", "secrets", *arguments], cwd=project, input=stdin, capture_output=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}, check=False,
    )  # fmt: skip
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_init_makes_what_services_ask_for_once(project: Path) -> None:
    folder = project / ".floe" / "secrets"
    first = floe(project, "init")
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines() == ["made lake", "made meta", "made s3_id", "made s3_key", "made warehouse"]
    assert "far is yours to give (targets.far.password): floe secrets set far" in first.stderr
    assert folder.stat().st_mode & 0o777 == 0o700
    values = {path.name: path.read_text() for path in folder.iterdir() if not path.name.startswith(".")}
    assert sorted(values) == ["lake", "meta", "s3_id", "s3_key", "warehouse"]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o444}
    again = floe(project, "init")
    assert (again.returncode, again.stdout) == (0, "")
    assert {name: (folder / name).read_text() for name in values} == values
    assert not any(value.strip() in first.stdout + first.stderr + again.stderr for value in values.values())


def test_set_and_list_show_no_value(project: Path) -> None:
    done = floe(project, "set", "far", stdin=f"{CANARY}\n".encode())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "far is set\n")
    assert (project / ".floe" / "secrets" / "far").read_text() == f"{CANARY}\n"
    listed = floe(project, "list", "--json")
    assert listed.returncode == 5
    found = {each["name"]: (each["there"], each["made_for"]) for each in json.loads(listed.stdout)["secrets"]}
    assert found["far"] == (True, None)
    assert found["warehouse"] == (False, "postgres")
    assert CANARY not in listed.stdout + listed.stderr
    text = floe(project, "list")
    assert "far        there    targets.far.password\n" in text.stdout
    assert text.stderr.startswith("error: missing: FARHOST, lake, meta, s3_id, s3_key, warehouse\n")


@pytest.mark.parametrize(
    ("name", "stdin", "message"),
    [
        ("nosuch", b"x", "error: floe.yaml refers to no secret 'nosuch'"),
        ("far", b"", "error: the secret is empty"),
        ("far", b"\n", "error: the secret is empty"),
        ("far", b"\xff\xfe", "error: the secret is not UTF-8 text"),
        ("far", b"x" * ((1 << 20) + 1), "error: stdin has more than 1 MB: that is no secret"),
        ("../far", b"x", "error: floe.yaml refers to no secret '../far'"),
    ],
)
def test_what_cannot_be_set_changes_nothing(project: Path, name: str, stdin: bytes, message: str) -> None:
    done = floe(project, "set", name, stdin=stdin)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == message
    assert not (project / ".floe").exists()


@pytest.mark.parametrize(
    ("services", "at", "code", "word"),
    [
        ("{postgres: {}, lake: {}, polaris: {}}", "floe up", 0, "later"),
        ("{lake: {}}", "floe catalog apply", 5, "missing"),
    ],
)
def test_what_polaris_makes_is_nobodys_to_make_and_told_apart(
    tmp_path: Path, services: str, at: str, code: int, word: str
) -> None:
    text = POLARIS.replace("services: {postgres: {}, lake: {}, polaris: {}}", f"services: {services}")
    (tmp_path / "transform").mkdir()
    (tmp_path / "floe.yaml").write_text(text)
    made = floe(tmp_path, "init")
    assert f"pipeline is made by Polaris, at `{at}` (catalogs.lake.credential)" in made.stderr
    assert "made pipeline" not in made.stdout
    if "polaris" not in services:
        floe(tmp_path, "set", "root", stdin=b"root:s")
    listed = floe(tmp_path, "list")
    assert listed.returncode == code
    (line,) = [line for line in listed.stdout.splitlines() if line.startswith("pipeline ")]
    assert line.split()[1] == word
