"""What keeps a server from starting is one line, before anything is imported."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def _floe(arguments: list[str], environ: dict[str, str]) -> tuple[int, str]:
    """No site-packages: the faults below are found without Dagster."""
    start = "import sys; from floe_images.runtime.main import main; main()"
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "DAGSTER_HOME": environ["FLOE_HOME"]}
    done = subprocess.run(
        [sys.executable, "-S", "-c", start, *arguments], env={**bare, **environ}, capture_output=True, text=True
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize("role", ["webserver", "dev", "code-server"])
def test_a_port_that_is_taken(role: str, inside: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert _floe([role, "--port", str(port)], inside) == (
            62,
            f"error: port {port} of 127.0.0.1 cannot be had: Address already in use\nhint: --port names another one\n",
        )


@pytest.mark.parametrize("role", ["webserver", "daemon", "code-server", "dev", "run"])
def test_a_state_volume_that_cannot_be_written(role: str, inside: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "state").rmdir()
    assert _floe([role], inside) == (
        51,
        f"error: {tmp_path}/state: the state volume cannot be written: No such file or directory\n"
        "hint: mount a volume that this user may write\n",
    )


def test_artifacts_that_cannot_be_read(inside: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "artifacts.json").write_text("{}")
    code, said = _floe(["daemon"], inside)
    assert code == 5
    assert said.startswith(f"error: {tmp_path}/artifacts.json: artifacts of version None cannot be read: ")


@pytest.mark.parametrize("arguments", [["daemon"], ["run", "--target", "prod"]])
def test_a_target_that_floe_yaml_does_not_have(inside: dict[str, str], arguments: list[str]) -> None:
    assert _floe(arguments, {**inside, "FLOE_TARGET": "prod"}) == (
        2,
        "error: no target 'prod' in floe.yaml\nhint: the targets are: dev, other\n",
    )
