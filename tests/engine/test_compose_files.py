"""Each file of compose/ is taken by `docker compose` alone, and all of them together."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.engine import TestEngine
from tests.support.flights import ROOT

FILES = tuple(sorted((ROOT / "compose").glob("*.yaml")))
ALL = (*FILES, *sorted((ROOT / "compose" / "order").glob("*.yaml")))


@pytest.mark.parametrize("files", [*((each,) for each in FILES), ALL], ids=[*(each.stem for each in FILES), "all"])
@pytest.mark.parametrize("engine", ["classic"], indirect=True)
def test_docker_compose_takes_it(engine: TestEngine, files: tuple[Path, ...]) -> None:
    text = "".join(file.read_text() for file in files)
    variables = set(re.findall(r"\$\{(\w+)", text))
    words = [word for file in files for word in ("--file", str(file))]
    command = ["docker", "compose", *words, "config", "--format", "json"]
    env = {**engine.env, **{name: f"localhost/{name.lower()}:1" for name in variables}}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    services = json.loads(done.stdout)["services"]
    assert {service["image"] for service in services.values()} == {f"localhost/{name.lower()}:1" for name in variables}
    after = {name for service in services.values() for name in service.get("depends_on", {})}
    every = {"code-server", "lake", "lake-init", "polaris", "postgres", "postgres-init"}
    assert after == (every if files == ALL else after)
    without = subprocess.run(command, capture_output=True, text=True, env=engine.env)
    assert without.returncode != 0
    assert "`floe build --json` names it" in without.stderr
