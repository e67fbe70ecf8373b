"""Hardened containers contact whom floe.yaml names and nobody else: runs, and five minutes of servers and a browser.

FLOE_TEST_SILENCE: other than 300 seconds.
"""

from __future__ import annotations

import pytest

from tests.support.contained_life import Life
from tests.support.watched import PORTS, WAREHOUSE

pytestmark = [pytest.mark.acceptance, pytest.mark.engine, pytest.mark.network, pytest.mark.timeout(2400)]
NAMED = {*PORTS, *(f"{name}:{port}/tcp" for name, port in PORTS.items())}


def test_the_runs_were_what_they_should_be(life: Life) -> None:
    said = {name: life.site.said(name) for name in life.codes}
    assert life.codes == {"pg": 0, "wrong": 62, "stranger": 62, "refused": 62, "debug": 1, "doctor": 0}, said
    for name in ("wrong", "stranger", "debug"):
        assert "password authentication failed" in said[name]
    assert life.site.postgres.psql("select id from marts.two", database="warehouse") == [("2",)]


def test_who_was_contacted(life: Life) -> None:
    assert life.met == NAMED | {f"{WAREHOUSE}:5499/tcp"}


def test_the_browser_asked_the_webserver_only(life: Life) -> None:
    assert len(life.asked) > 50
    assert [url for url in life.asked if not url.startswith(("/", "data:"))] == []


def test_the_servers_did_work_meanwhile(life: Life) -> None:
    """By a click, and by the schedule; what failed are the commands that had to."""
    ended = [(status, began) for status, began in life.runs if status in ("SUCCESS", "FAILURE", "CANCELED")]
    assert {began for status, began in ended if status == "SUCCESS"} == {"click", "schedule", "command"}
    assert sorted(each for each in ended if each[0] != "SUCCESS") == [("FAILURE", "command")] * 3


def test_the_recorder_sees_who_asks(life: Life) -> None:
    """The control: plain dbt asks a public index for newer versions, and an address needs no name."""
    assert "203.0.113.7:443/tcp" in life.control
    assert [name for name in life.control if "/" not in name], life.site.said("control")
