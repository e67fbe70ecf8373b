"""The servers of the image as processes: they answer, run what they are given, say it in lines, and end when told."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.roles import TEXT, Home, Ui, alive, free_port, make_home, serving


@pytest.fixture(scope="module")
def laid_out(runtime_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_home(runtime_python, tmp_path_factory.mktemp("roles"))


@pytest.fixture
def home(laid_out: Home) -> Home:
    """The same for all, with a fresh state each."""
    for name in ("state", "scratch"):
        folder = laid_out.folder / name
        folder.rename(laid_out.folder / f"{name}-{time.monotonic_ns()}")
        folder.mkdir()
    return laid_out


def test_dev_runs_an_asset_and_ends_in_the_middle_of_another(home: Home) -> None:
    port = free_port()
    ui = Ui(port)
    with serving(home, "dev", "--port", str(port)) as dev:
        ui.wait(dev)
        said = ui.ask(
            "{assetNodes {assetKey {path}} schedulesOrError(repositorySelector: {repositoryLocationName: "
            '"tiny", repositoryName: "__repository__"}) {... on Schedules {results {name scheduleState {status}}}}}'
        )
        assert sorted(node["assetKey"]["path"] for node in said["assetNodes"]) == [
            ["after"], ["broken"], ["quick"], ["slow"], ["wrong"]
        ]  # fmt: skip
        # On a laptop nothing runs by itself.
        assert said["schedulesOrError"]["results"] == [{"name": "nightly", "scheduleState": {"status": "STOPPED"}}]

        done = ui.launch("quick", "after")
        assert ui.wait_for(done, "SUCCESS", "FAILURE") == "SUCCESS"
        check = home.floe("check", "--quick")
        assert (check.stdout, check.stderr) == (
            "ok: tiny, target dev, code-server serves, daemon serves, webserver serves\n",
            "",
        )

        slow = ui.launch("slow")
        ui.wait_for(slow, "STARTED")
        time.sleep(2)  # dbt is at it, or about to be
        family = dev.family()
        assert len(family) >= 3
        code, seconds = dev.end()
        assert (code, seconds < 9.5) == (0, True)
        assert [pid for pid in family if alive(pid)] == []
        assert [line for line in dev.lines() if not TEXT.fullmatch(line)] == []
        assert [line for line in dev.lines() if f"run {slow} is interrupted" in line]
        assert [line for line in dev.lines() if f"{done}: Materialized value after." in line]
    # What was interrupted is recorded as that, and not left as running.
    with serving(home, "webserver", "--port", str(port), env={"FLOE_LOG": "json"}) as webserver:
        ui.wait(webserver)
        assert ui.status(slow) in ("FAILURE", "CANCELED")
        webserver.process.kill()
        webserver.process.wait()
        deadline = time.monotonic() + 10
        family = []
        while time.monotonic() < deadline and (home.scratch / "floe-health/code-server.json").exists():
            note = json.loads((home.scratch / "floe-health/code-server.json").read_text())
            family = [note["pid"]]
            if not alive(note["pid"]):
                break
            time.sleep(0.1)
        assert family
        assert not alive(family[0])  # nobody is left when the one that started it is killed
        assert {json.loads(line)["level"] for line in webserver.lines()} <= {"info", "warning"}
        check = home.floe("check", "--quick")
        assert (check.returncode, check.stdout) == (1, "")
        assert "the webserver has ended" in check.stderr


@pytest.mark.acceptance
def test_three_containers_worth_of_servers(home: Home) -> None:
    web, code = free_port(), free_port()
    ui = Ui(web)
    env = {"FLOE_LOG": "json"}
    with serving(home, "code-server", "--port", str(code), env=env) as code_server:
        code_server.wait_for('"serving tiny on 127.0.0.1:')
        at = ("--code-server", f"127.0.0.1:{code}")
        with (
            serving(home, "daemon", *at, env=env) as daemon,
            serving(home, "webserver", "--port", str(web), *at, env=env) as webserver,
        ):
            ui.wait(webserver)
            run = ui.launch("quick")
            assert ui.wait_for(run, "SUCCESS", "FAILURE") == "SUCCESS"
            daemon.wait_for("Launched 1 runs.")
            for server in (webserver, daemon):
                assert server.family() == []
            # Switched on in the one, looked after by the other.
            said = ui.ask(
                "mutation($s: ScheduleSelector!) {startSchedule(scheduleSelector: $s) {__typename}}",
                s={
                    "repositoryLocationName": "tiny",
                    "repositoryName": "__repository__",
                    "scheduleName": "nightly",
                },
            )
            assert said["startSchedule"]["__typename"] == "ScheduleStateResult"
            for server in (webserver, daemon, code_server):
                code_found, seconds = server.end(signal.SIGINT if server is daemon else signal.SIGTERM)
                assert (server.role, code_found, seconds < 9.5) == (server.role, 0, True)
        for server in (webserver, daemon, code_server):
            roles = {json.loads(line)["role"] for line in server.lines()}
            assert roles <= {server.role, "run"}
            assert server.role in roles


@pytest.mark.acceptance
def test_a_child_that_dies_ends_its_server(home: Home) -> None:
    port = free_port()
    with serving(home, "webserver", "--port", str(port)) as webserver:
        Ui(port).wait(webserver)
        (child,) = webserver.family()
        os.kill(child, signal.SIGKILL)
        assert webserver.process.wait(10) == 62
        assert webserver.lines()[-1].endswith("webserver floe: the code-server has ended with code -9")
