"""What a run in a container looks up, and how it gets there: files in memory, gone with the run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from floe_images.commands import run_container
from floe_images.engine.docker.secrets import secret_files
from floe_images.errors import ProjectError, UsageError
from floe_images.progress import Silent
from floe_images.render.artifacts import compile_artifacts
from floe_images.spec.load import check_text
from tests.unit.lock.sample import sample

YAML = """\
version: "1.0"
name: small
adapters: [duckdb, postgres]
targets:
  dev: {adapter: duckdb, path: /var/lib/floe/x.duckdb}
  prod:
    {adapter: postgres, host: {env: PGHOST}, user: u, password: {secret: pw}, database: d}
default_target: dev
transforms: [{type: dbt, path: transform}]
"""
TRACES = 'observability: {traces: {endpoint: "http://collector:4317", headers: {authorization: {secret: token}}}}\n'
SOCKET = "http+docker://localhost"


def artifacts(text: str = YAML):  # type: ignore[no-untyped-def]
    loaded, findings = check_text(text.encode())
    assert loaded is not None, findings
    return compile_artifacts(loaded.spec, sample())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pw").write_text("hunter2\n")
    (tmp_path / "token").write_text("t")
    return tmp_path


def test_only_what_the_target_and_the_collectors_name(folder: Path) -> None:
    values = run_container._values
    assert values(artifacts(), "dev", folder, {}) == {}
    assert values(artifacts(), "prod", folder, {"PGHOST": "h"}) == {"PGHOST": "h\n", "pw": "hunter2\n"}
    assert values(artifacts(YAML + TRACES), "dev", folder, {}) == {"token": "t\n"}


def test_a_collectors_missing_secret_does_not_stop_the_run(folder: Path) -> None:
    (folder / "token").unlink()
    assert run_container._values(artifacts(YAML + TRACES), "dev", folder, {}) == {}


def test_a_file_wins_over_a_variable_and_a_secret_is_never_a_variable(folder: Path) -> None:
    (folder / "PGHOST").write_text("file")
    assert run_container._values(artifacts(), "prod", folder, {"PGHOST": "h"})["PGHOST"] == "file\n"
    (folder / "pw").unlink()
    with pytest.raises(ProjectError) as caught:
        run_container._values(artifacts(), "prod", folder, {"PGHOST": "h", "pw": "variable"})
    assert str(caught.value) == "targets.prod.password needs the secret pw, which is not there"
    assert caught.value.hint == f"put it into the file {folder / 'pw'}"


@pytest.mark.parametrize(
    ("text", "target", "out"),
    [
        (YAML, "dev", False),
        (YAML, "prod", True),
        (YAML + TRACES, "dev", True),
        (YAML + "observability: {lineage: {type: console}}\n", "dev", False),
        (YAML + "observability: {lineage: {type: http, url: 'http://h'}}\n", "dev", True),
        (
            YAML
            + "orchestration: {metadata: {type: postgres, host: h, user: u, password: {secret: pw}, database: d}}\n",
            "dev",
            True,
        ),
    ],
)
def test_a_network_only_where_floe_yaml_names_somebody(text: str, target: str, out: bool) -> None:
    assert run_container._reaches_out(artifacts(text), target) is out


def test_others_do_not_get_to_the_files_and_the_containers_user_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with secret_files({"pw": "hunter2"}, address=SOCKET, progress=Silent()) as found:
        assert found is not None
        assert found.parent.parent == tmp_path
        assert found.parent.stat().st_mode & 0o777 == 0o700
        assert found.stat().st_mode & 0o777 == 0o755
        assert {path.name: path.read_text() for path in found.iterdir()} == {"pw": "hunter2"}
        assert (found / "pw").stat().st_mode & 0o777 == 0o444
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_goes_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    code = (
        "import os, signal; from floe_images.progress import Silent; "
        "from floe_images.engine.docker.secrets import secret_files; "
        f"held = secret_files({{'pw': 'hunter2'}}, address={SOCKET!r}, progress=Silent()); held.__enter__(); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code], check=False, env={**os.environ})
    assert [path.read_text() for path in tmp_path.rglob("pw")] == ["hunter2"]
    with secret_files({}, address=SOCKET, progress=Silent()) as found:
        assert found is None
        assert list(tmp_path.iterdir()) == []


def test_one_run_leaves_anothers_files_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with secret_files({"a": "1"}, address=SOCKET, progress=Silent()) as first:
        with secret_files({"a": "2"}, address=SOCKET, progress=Silent()):
            assert len(list(tmp_path.iterdir())) == 2
        assert first is not None
        assert (first / "a").read_text() == "1"


def test_an_engine_on_another_machine_would_not_see_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for address in ("https://engine.example:2376", "http+docker://ssh", "http://127.0.0.1.example:2375"):
        with (
            pytest.raises(UsageError, match="an engine on another machine"),
            secret_files({"a": "1"}, address=address, progress=Silent()),
        ):
            pass
        with secret_files({}, address=address, progress=Silent()) as found:
            assert found is None
    with secret_files({"a": "1"}, address="http://127.0.0.1:2375", progress=Silent()) as found:
        assert found is not None
    assert list(tmp_path.iterdir()) == []
