"""What the roles say of telemetry: one line at the end, as JSON on wish, and what an endpoint lacks before that."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from floe_images.artifacts.codec import decode, encode
from floe_images.artifacts.model import ObservabilityArtifact, Reference, Settings
from tests.support.roles import Home, Ui, free_port, make_home, serving

JSON = {"FLOE_LOG": "json"}
LACKS = "observability.lineage.api_key needs the secret lineage, which is not there"
KEPT = f"telemetry: lineage 0 sent, 4 kept for the next run ({LACKS})"


def name_endpoint(home: Path, port: int) -> None:
    file = home / "artifacts.json"
    artifacts = decode(file.read_bytes(), where=str(file))
    settings = (
        ("api_key", Reference(kind="secret", name="lineage")),
        ("endpoint", "api/v1/lineage"),
        ("type", "http"),
        ("url", f"http://127.0.0.1:{port}"),
    )
    observability = ObservabilityArtifact(traces=None, lineage=Settings(settings))
    file.write_bytes(encode(dataclasses.replace(artifacts, observability=observability)))


@pytest.fixture(scope="module")
def home(runtime_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = make_home(runtime_python, tmp_path_factory.mktemp("told"))
    name_endpoint(made.folder / "home", 9)
    return made


@pytest.mark.acceptance
def test_the_run_says_it_as_json_and_what_waits_for_nobody_once(home: Home) -> None:
    done = home.floe("run", "--select", "quick", env=JSON)
    said = [json.loads(line) for line in done.stderr.splitlines()]
    assert (done.returncode, done.stdout) == (0, "")
    assert (said[-1]["logger"], said[-1]["level"], said[-1]["message"]) == ("floe.telemetry", "warning", KEPT)
    (kept,) = (home.folder / "state/telemetry/lineage").iterdir()
    name_endpoint(home.folder / "home", 10)
    try:
        last = [home.floe("run", "--select", "quick").stderr.splitlines()[-1] for _ in range(2)]
    finally:
        name_endpoint(home.folder / "home", 9)
    stranded = f"; 4 kept for an endpoint that floe.yaml names no more: to drop them remove {kept}"
    assert [line.split("floe.telemetry: ")[1] for line in last] == [f"{KEPT}{stranded}", KEPT.replace("4", "8")]


def test_a_missing_secret_is_named_and_no_fault(home: Home) -> None:
    waits = f"{LACKS}; what is to be sent waits for it"
    doctor, check = home.floe("doctor"), home.floe("check")
    assert [line for line in doctor.stdout.splitlines() if not line.startswith("ok ")] == [
        f"note   lineage     {waits}"
    ]
    assert (doctor.returncode, check.returncode) == (0, 0)
    assert check.stdout == f"ok: tiny, target dev, adapters duckdb; warning: {waits}\n"


@pytest.mark.acceptance
def test_a_run_of_the_server_says_it_as_json(home: Home) -> None:
    port = free_port()
    ui = Ui(port)
    with serving(home, "dev", "--port", str(port), env=JSON) as dev:
        ui.wait(dev)
        run = ui.launch("quick")
        assert ui.wait_for(run, "SUCCESS", "FAILURE") == "SUCCESS"
        line = json.loads(dev.wait_for('"floe.telemetry"'))
        assert [each for each in dev.lines() if not each.startswith("{")] == []
    assert (line["level"], line["role"]) == ("warning", "run")
    assert re.match(r"telemetry: lineage 0 sent, \d+ kept for the next run \(", line["message"])
    assert LACKS in line["message"]
