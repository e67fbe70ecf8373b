"""Dagster's UI of the flights image in a real headless Chromium; the container is hardened and has no network at all.

``FLOE_SCREENSHOTS=docs/images pytest -m "acceptance or not acceptance" tests/engine/test_ui.py`` makes the pictures of
the documentation again.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from floe_images.artifacts.codec import encode
from floe_images.artifacts.model import ScheduleArtifact
from floe_images.render.artifacts import compile_artifacts
from floe_images.spec.load import load_spec
from tests.support.browser import chromium, relayed
from tests.support.engine import TestEngine
from tests.support.flights import HARDENED, STATE, BuiltProject, loaded, volume
from tests.support.roles import Ui

# What a store gives is the same to a browser.
pytestmark = pytest.mark.parametrize("engine", ["classic"], indirect=True, scope="module")
WAIT = 90_000  # milliseconds
VOLUME = "floe-test-ui"
LOCATION = "flights"


@pytest.fixture(scope="module")
def container(engine: TestEngine, flights: BuiltProject) -> Iterator[str]:
    """The role ``dev`` with a schedule that the example has not, by artifacts on the state volume."""
    schedule = ScheduleArtifact(
        name="every_minute",
        cron="* * * * *",
        timezone="UTC",
        select=("stg_airlines",),
        exclude=("test_name:relationships",),  # they hold other tables against this one, which are not there yet
        target=None,
    )
    artifacts = compile_artifacts(load_spec(flights.folder / "floe.yaml").spec, flights.lock)
    orchestration = dataclasses.replace(artifacts.orchestration, schedules=(schedule,))
    document = encode(dataclasses.replace(artifacts, orchestration=orchestration))
    flags = (*HARDENED, "--user", "12345:0", "--volume", f"{VOLUME}:{STATE}")
    with loaded(engine, flights.archive("linux/amd64")) as image, volume(engine, VOLUME):
        write = f"import sys; open('{STATE}/artifacts.json', 'wb').write(sys.stdin.buffer.read())"
        command = ["docker", "run", "--rm", "-i", *flags, "--entrypoint", "/usr/bin/python3.11", image, "-c", write]
        subprocess.run(command, input=document, env=engine.env, check=True, capture_output=True)
        extra = ("--env", f"FLOE_ARTIFACTS={STATE}/artifacts.json")
        found = engine.docker("run", "--detach", *flags, *extra, image, "dev").stdout.strip()
        try:
            _wait_for_log(engine, found, "serving on http://0.0.0.0:3000")
            yield found
            began = time.monotonic()
            engine.docker("stop", found)
            # Docker would have killed it after ten seconds, with 137.
            assert engine.docker("inspect", "--format", "{{.State.ExitCode}}", found).stdout == "0\n"
            assert time.monotonic() - began < 10
        finally:
            engine.docker("rm", "--force", found, check=False)


@pytest.fixture(scope="module")
def port(engine: TestEngine, container: str) -> Iterator[int]:
    with relayed(engine, container, 3000) as found:
        yield found


@pytest.fixture(scope="module")
def page(port: int) -> Iterator[Any]:
    """A page that fails the test when anything but the webserver is asked for anything."""
    asked: list[str] = []
    with chromium() as browser:
        found = browser.new_page(viewport={"width": 1280, "height": 800})
        found.on("request", lambda request: asked.append(request.url))
        found.set_default_timeout(WAIT)
        yield found
    ours = (f"http://127.0.0.1:{port}/", f"blob:http://127.0.0.1:{port}/", "data:")
    assert len(asked) > 20
    assert [url for url in asked if not url.startswith(ours)] == []


def test_the_asset_graph_and_an_asset_that_is_made_by_a_click(
    engine: TestEngine, container: str, port: int, page: Any
) -> None:
    base = f"http://127.0.0.1:{port}"
    page.goto(f"{base}/locations/{LOCATION}/asset-groups/staging")
    for name in ("stg_airlines", "stg_airports", "stg_flights", "stg_planes"):
        page.get_by_text(name, exact=True).first.wait_for()
    _picture(page, "asset-graph")

    page.goto(f"{base}/assets/stg_airlines")
    page.get_by_text("Never materialized").first.wait_for()
    page.get_by_role("button", name="Materialize").first.click()
    _wait_for_log(engine, container, "Materialized value stg_airlines.")
    _wait_for_log(engine, container, 'Finished execution of run for "')

    page.goto(f"{base}/assets/stg_airlines?view=checks")
    page.get_by_text("unique_stg_airlines_carrier").first.wait_for()
    page.get_by_text("Succeeded").nth(1).wait_for()
    _picture(page, "asset-checks")
    assert page.get_by_text("Succeeded").count() == 2

    health = engine.docker("exec", container, "/usr/local/bin/floe-runtime", "check", "--quick").stdout
    assert health == "ok: flights, target dev, code-server serves, daemon serves, webserver serves\n"


@pytest.mark.acceptance
def test_a_schedule_is_switched_on_and_its_tick_is_seen(
    engine: TestEngine, container: str, port: int, page: Any
) -> None:
    page.goto(f"http://127.0.0.1:{port}/locations/{LOCATION}/schedules/every_minute")
    page.get_by_text("Schedule has never run").wait_for()
    switch = page.locator("input[type=checkbox]").first
    assert not switch.is_checked()
    page.locator("label:has(input[type=checkbox])").first.click()
    page.get_by_text("Schedule has never run").wait_for(state="detached", timeout=150_000)
    assert switch.is_checked()
    said = Ui(port).ask(
        "query($s: ScheduleSelector!) {scheduleOrError(scheduleSelector: $s) {... on Schedule"
        " {scheduleState {status ticks {status runIds}}}}}",
        s={"repositoryLocationName": LOCATION, "repositoryName": "__repository__", "scheduleName": "every_minute"},
    )["scheduleOrError"]["scheduleState"]
    assert said["status"] == "RUNNING"
    tick = said["ticks"][-1]
    assert (tick["status"], len(tick["runIds"])) == ("SUCCESS", 1)
    ended = Ui(port).wait_for(tick["runIds"][0], "SUCCESS", "FAILURE")
    assert ended == "SUCCESS", engine.docker("logs", container).stderr
    page.reload()
    page.get_by_text("Tick history").first.wait_for()
    page.get_by_text("1 run requested").or_(page.get_by_text("requested")).first.wait_for()
    _picture(page, "schedule-tick")


def _picture(page: Any, name: str) -> None:
    page.wait_for_timeout(1500)  # animations
    folder = os.environ.get("FLOE_SCREENSHOTS")
    if folder:
        file = Path(folder) / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=file)
        assert file.stat().st_size < 150_000


def _wait_for_log(engine: TestEngine, container: str, said: str, *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done = engine.docker("logs", container)
        if said in done.stdout + done.stderr:
            return
        time.sleep(0.5)
    raise AssertionError(f"never said {said!r}:\n{done.stdout}{done.stderr}")
