"""Nobody is asked who is not named: runs and servers on an island whose name server and default route record."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import postgres_server
from tests.support.roles import Ui, free_port
from tests.support.watched import COLLECTOR, LINEAGE, METADATA, PORTS, WAREHOUSE, Watched, make_manifests, watched_site

SECONDS = float(os.environ.get("FLOE_TEST_SILENCE", "20"))  # that the servers are left alone
NAMED = {*PORTS, *(f"{name}:{port}/tcp" for name, port in PORTS.items())}
_CONTROL = "import socket; socket.create_connection(('203.0.113.7', 443), timeout=1)"


@pytest.fixture(scope="module")
def site(runtime_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Runs that go well and badly, and servers, all before anything is judged."""
    with (
        postgres_server() as postgres,
        watched_site(tmp_path_factory.mktemp("watched") / "site", runtime_python, postgres) as made,
    ):
        make_manifests(made, "pg", "pg-wrong")
        yield made


def test_a_run_contacts_whom_the_artifacts_name(site: Watched) -> None:
    assert site.floe("run", "run", "--target", "pg", "--events") == 0, site.said("run")
    assert site.contacts() == NAMED
    assert site.postgres.psql("select id from marts.two", database="warehouse") == [("2",)]


def test_a_run_that_fails_contacts_nobody_else(site: Watched) -> None:
    assert site.floe("wrong", "run", "--target", "pg-wrong") == 62, site.said("wrong")
    assert "password authentication failed" in site.said("wrong")
    assert site.floe("debug", "dbt", "debug", "--target", "pg-wrong") == 1
    assert "password authentication failed" in site.said("debug")
    assert site.contacts() == NAMED


def test_webserver_daemon_and_code_server(site: Watched) -> None:
    port = free_port()
    ui = Ui(site.land.door(port))
    command = ("-m", "floe_images.runtime.main", "dev", "--port", str(port))
    with site.start("dev", *command, env={"FLOE_SCHEDULES": "on"}) as dev:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            assert dev.poll() is None, site.said("dev")
            try:
                ui.ask("{version}")
                break
            except OSError:
                time.sleep(0.3)
        run = ui.launch("one", "two", location="watched")
        assert ui.wait_for(run, "SUCCESS", "FAILURE") == "SUCCESS", site.said("dev")
        told = ui.ask("{instance {info}}")["instance"]["info"]
        (site.logs / "instance").write_text(told)
        time.sleep(SECONDS)
        assert dev.poll() is None, site.said("dev")
    assert site.contacts() == NAMED


def test_nothing_of_it_is_a_secret(site: Watched) -> None:
    """What all of the above left behind; a secret planted into the same places is found."""
    (site.logs / "collected").write_text(repr([each["content"] for each in site.collector.stop()]))
    assert {each["headers"].get("authorization", "")[:7] for each in site.collector.got} == {"", "Bearer "}
    assert site.leaks() == []
    planted = site.environ["WAREHOUSE_PASSWORD"].replace("'", "''")
    site.postgres.psql(
        f"create table marts.planted as select repeat('x', 5000) || '{planted}' as x", database="warehouse"
    )
    site.postgres.psql("delete from marts.planted", database="warehouse")
    (site.folder / "state" / "planted").write_text(planted)
    found = {where for _, _, where in site.leaks()}
    assert str(site.folder / "state" / "planted") in found
    assert [where for where in found if where.startswith(str(site.postgres.data / "base"))]
    assert [where for where in found if where.startswith(str(site.postgres.data / "pg_wal"))]


def test_the_recorder_sees_who_asks(site: Watched) -> None:
    """The control: dbt alone asks a public index for newer versions, and an address needs no name."""
    before = len(site.land.questions)
    site.run("control", "-c", "from dbt.cli.main import cli; cli(['--version'])")
    asked = set(site.land.questions[before:]) - {COLLECTOR, LINEAGE, METADATA, WAREHOUSE}
    assert asked, site.said("control")
    site.run("control", "-c", _CONTROL)
    assert "203.0.113.7:443/tcp" in site.contacts()
