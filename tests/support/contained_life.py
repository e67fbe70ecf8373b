"""What a site of containers goes through: runs that end well and badly, and servers with a browser on them."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

from tests.support.browser import chromium
from tests.support.contained import PYTHON, Contained
from tests.support.roles import Ui
from tests.support.watched import contacts

SECONDS = float(os.environ.get("FLOE_TEST_SILENCE", "300"))  # that a browser looks at the servers
_AT = ("--code-server", "127.0.0.1:4000")
_PAGES = ("overview/activity/timeline", "assets", "locations/watched/asset-groups/default", "assets/one", "runs",
          "locations/watched/schedules/often", "deployment/daemons", "deployment/config", "automation")  # fmt: skip
_ADDRESS = "import socket; socket.create_connection(('203.0.113.7', 443), timeout=1)"
_VERSION = "from dbt.cli.main import cli; cli(['--version'])"


@dataclass(frozen=True, kw_only=True)
class Life:
    """``codes`` by run; ``met`` is who was contacted in all of it, ``control`` who by programs that ask.

    ``asked`` are the browser's requests, without the server's own address; ``runs`` are Dagster's: status, and what
    began it: a command, a click, or the schedule.
    """

    site: Contained
    codes: dict[str, int]
    met: set[str]
    control: set[str]
    asked: list[str]
    runs: list[tuple[str, str]]


def live(site: Contained) -> Life:
    codes = {name: site.run(name, "run", "--target", name) for name in ("pg", "wrong", "stranger", "refused")}
    codes["debug"] = site.run("debug", "dbt", "debug", flags=("--env", "FLOE_TARGET=wrong"))
    codes["doctor"] = site.run("doctor", "doctor")
    asked: list[str] = []
    with (
        site.start("code-server", "code-server"),
        site.start("daemon", "daemon", *_AT),
        site.start("webserver", "webserver", *_AT),
    ):
        site.wait_for("webserver", "serving on http://0.0.0.0:3000")
        port = site.land.door(3000)
        _look(port, time.monotonic() + SECONDS, asked)
        ui = Ui(port)
        runs = _worked(ui)
        (site.left / "instance").write_text(str(ui.ask("{instance {info}}")))
    met = contacts(site.land)
    site.gather()
    for program in (_VERSION, _ADDRESS):
        site.run("control", "-c", program, flags=("--entrypoint", PYTHON))
    return Life(
        site=site,
        codes=codes,
        met=met,
        control=contacts(site.land) - met,
        asked=asked,
        runs=runs,
    )


def _worked(ui: Ui) -> list[tuple[str, str]]:
    """Dagster's runs, once there is a good one of the click and a good one of the schedule, or after three minutes."""
    end = time.monotonic() + 180
    while True:
        query = "{runsOrError {... on Runs {results {status jobName tags {key}}}}}"
        runs = [(each["status"], _began(each)) for each in ui.ask(query)["runsOrError"]["results"]]
        if {("SUCCESS", "schedule"), ("SUCCESS", "click")} <= set(runs) or time.monotonic() > end:
            return runs
        time.sleep(2)


def _began(run: dict[str, Any]) -> str:
    if {"key": "dagster/schedule_name"} in run["tags"]:
        return "schedule"
    # Dagster's name for a job of assets that somebody has picked.
    return "click" if run["jobName"] == "__ASSET_JOB" else "command"


def _look(port: int, end: float, asked: list[str]) -> None:
    """Materialize an asset by a click, then go from page to page until ``end``."""
    base = f"http://127.0.0.1:{port}"
    with chromium() as browser:
        page: Any = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(90_000)
        page.on("request", lambda request: asked.append(request.url.removeprefix("blob:").removeprefix(base)))
        page.goto(f"{base}/assets/one")
        page.get_by_role("button", name="Materialize").first.click()
        page.wait_for_timeout(5000)
        while True:
            for path in _PAGES:
                page.goto(f"{base}/{path}")
                page.wait_for_timeout(5000)
            if time.monotonic() > end:
                return
