"""Dagster's metadata in a real PostgreSQL: who makes it, what is recorded there, and when it refuses or dies."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from floe_images.artifacts.model import Reference, Settings
from floe_images.runtime.storage import _MADE_BY
from tests.support.postgres import Postgres, postgres_server
from tests.support.roles import TEXT, Home, Ui, alive, free_port, make_home, serving

FACTS = "select status, count(*) from runs group by status order by status"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """One of our own: its log has every statement that makes something, and a test stops it."""
    with postgres_server("log_statement = ddl") as found:
        yield found
        pid = found.data / "postmaster.pid"
        if pid.exists():  # it may be another one than the first
            os.kill(int(pid.read_text().splitlines()[0]), signal.SIGINT)


@pytest.fixture(scope="module")
def home(server: Postgres, runtime_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    metadata = Settings(
        (
            ("database", server.database),
            ("host", server.host),
            ("password", Reference(kind="secret", name="dagster")),
            ("port", server.port),
            ("type", "postgres"),
            ("user", server.user),
        )
    )
    made = make_home(runtime_python, tmp_path_factory.mktemp("metadata"), metadata=metadata)
    (made.folder / "secrets").mkdir()
    (made.folder / "secrets" / "dagster").write_text(server.password + "\n")
    return made


def log_of(server: Postgres) -> str:
    return (server.data.parent / "log").read_text()


@pytest.mark.acceptance
def test_four_that_start_at_once_on_an_empty_database(server: Postgres, home: Home) -> None:
    web, code = free_port(), free_port()
    ui, at = Ui(web), ("--code-server", f"127.0.0.1:{code}")
    with ExitStack() as stack:
        code_server = stack.enter_context(serving(home, "code-server", "--port", str(code)))
        daemon = stack.enter_context(serving(home, "daemon", *at))
        webserver = stack.enter_context(serving(home, "webserver", "--port", str(web), *at))
        run = stack.enter_context(serving(home, "run", "--select", "quick"))
        assert run.process.wait(120) == 0, run.lines()
        ui.wait(webserver)
        launched = ui.launch("quick", "after")
        assert ui.wait_for(launched, "SUCCESS", "FAILURE") == "SUCCESS"
        servers = (webserver, daemon, code_server)
        assert [server.end()[0] for server in servers] == [0, 0, 0]
        said = "".join(each.log.read_text() for each in (*servers, run))
        assert [line for each in servers for line in each.lines() if not TEXT.fullmatch(line)] == []
    assert server.password not in said
    with (
        serving(home, "code-server", "--port", str(code)),
        serving(home, "daemon", *at) as again,  # its pool is known by now
    ):
        again.wait_for("are looked after")
        assert again.end()[0] == 0
    log = log_of(server)
    assert len(re.findall(r"CREATE TABLE runs ", log)) == 1
    assert [line for line in log.splitlines() if "ERROR:" in line] == []
    assert server.psql(FACTS) == [("SUCCESS", "2")]
    assert server.psql(f"select count(*) from event_logs where run_id = '{launched}' and asset_key = '[\"after\"]'"
                       " and dagster_event_type = 'ASSET_MATERIALIZATION'") == [("1",)]  # fmt: skip
    assert list((home.folder / "state").rglob("*.db")) == []


@pytest.mark.acceptance
def test_tables_of_an_older_dagster_are_brought_up_to_date(server: Postgres, home: Home) -> None:
    """As before Dagster's migration 048, the last one that changes something in PostgreSQL."""
    first = home.floe("run", "--select", "quick")  # whose tables are made by it, where no test made them before
    assert first.returncode == 0, first.stderr
    ((_, runs),) = server.psql(FACTS)
    (newest,) = server.psql("select version_num from alembic_version")
    server.psql("alter table concurrency_limits drop column using_default_limit")
    server.psql("update alembic_version set version_num = '6b7fb194ff9c'")
    server.psql(f"update kvs set value = '1.8.0' where key = '{_MADE_BY}'")
    done = home.floe("run", "--select", "quick")
    assert done.returncode == 0, done.stderr
    assert "made by Dagster 1.8.0, is brought up to date for 1." in done.stderr
    assert server.psql("select version_num from alembic_version") == [newest]
    assert server.psql(
        "select count(*) from information_schema.columns where table_name = 'concurrency_limits'"
        " and column_name = 'using_default_limit'"
    ) == [("1",)]
    assert server.psql(f"select value from kvs where key = '{_MADE_BY}'") != [("1.8.0",)]
    assert server.psql(FACTS) == [("SUCCESS", str(int(runs) + 1))]


def test_a_wrong_password_is_one_line(server: Postgres, home: Home) -> None:
    secret = home.folder / "secrets" / "dagster"
    secret.write_text("canary/+ %7 'wrong'\n")
    try:
        ended = [home.floe(*role) for role in (("run",), ("webserver", "--port", str(free_port())))]
    finally:
        secret.write_text(server.password + "\n")
    for done in ended:
        assert (done.returncode, done.stdout, done.stderr.splitlines()) == (
            62,
            "",
            [
                f"error: Dagster's Postgres at 127.0.0.1:{server.port} refuses us: "
                'password authentication failed for user "floe"',
                "hint: check orchestration.metadata in floe.yaml, and its secrets",
            ],
        )


def test_a_webserver_answers_at_once_when_postgres_is_back(server: Postgres, home: Home) -> None:
    """Each of Dagster's storages has connections of its own, which were closed under it."""
    port = free_port()
    ui = Ui(port)
    questions = (
        "{runsOrError {... on Runs {results {runId}}}}",
        '{assetsLatestInfo(assetKeys: [{path: ["quick"]}]) {latestMaterialization {runId}}}',
        "{instance {daemonHealth {allDaemonStatuses {healthy}}}}",
        "{instance {concurrencyLimits {concurrencyKey}}}",
    )
    with serving(home, "webserver", "--port", str(port)) as webserver:
        ui.wait(webserver)
        before = [ui.ask(each) for each in questions]
        with stopped(server):
            pass
        deadline = time.monotonic() + 30
        while True:
            try:
                server.psql("select 1")
                break
            except AssertionError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert [ui.ask(each) for each in questions] == before
        assert webserver.end()[0] == 0


@pytest.mark.acceptance  # it is away for half a minute
def test_servers_whose_postgres_is_stopped_and_started_again(server: Postgres, home: Home) -> None:
    """Each says so on one line, goes on, and says so; then it runs what it is asked to."""
    port = free_port()
    ui = Ui(port)
    with serving(home, "dev", "--port", str(port)) as dev:
        ui.wait(dev)
        dev.wait_for("schedules, sensors and queued runs are looked after")
        with stopped(server):
            time.sleep(30)
            with pytest.raises((AssertionError, OSError)):
                ui.ask("{runsOrError {... on Runs {results {runId}}}}")
            dev.wait_for("error   daemon floe: Dagster's storage cannot be used, and is tried again: connection to ")
        dev.wait_for("daemon floe: Dagster's storage answers again, after ")
        run = ui.launch("quick")
        assert ui.wait_for(run, "SUCCESS", "FAILURE", seconds=150) == "SUCCESS"
        assert dev.end()[0] == 0
        said = dev.lines()
    assert [line for line in said if not TEXT.fullmatch(line)] == []
    assert [line for line in said if "Traceback" in line or "Stack Trace" in line] == []
    assert len([line for line in said if "cannot be used" in line]) <= 3  # webserver, daemon, code server
    assert server.password not in "".join(said)


@contextmanager
def stopped(server: Postgres) -> Iterator[None]:
    """As `pg_ctl stop --mode fast` and `start`."""
    pid = int((server.data / "postmaster.pid").read_text().splitlines()[0])
    process = Path(f"/proc/{pid}")
    command = (process / "cmdline").read_bytes().split(b"\0")[:-1]
    environ = dict(line.split(b"=", 1) for line in (process / "environ").read_bytes().split(b"\0")[:-1])
    owner = process.stat().st_uid
    os.kill(pid, signal.SIGINT)
    while (server.data / "postmaster.pid").exists():
        time.sleep(0.1)
    try:
        yield
    finally:
        who = {"user": owner, "group": owner, "extra_groups": ()} if os.geteuid() == 0 else {}
        with (server.data.parent / "log").open("ab") as log:
            subprocess.Popen(command, env=environ, cwd="/", stdout=log, stderr=log, start_new_session=True, **who)


@pytest.mark.acceptance  # Dagster tries for a minute
def test_a_postgres_that_dies_in_the_middle(server: Postgres, home: Home) -> None:
    (main,) = (server.data / "postmaster.pid").read_text().splitlines()[:1]
    with serving(home, "run", "--select", "slow") as run:
        run.wait_for(" on target dev (duckdb)")
        family = run.family()
        os.kill(int(main), signal.SIGQUIT)  # immediate shutdown: as if the power went off
        assert run.process.wait(150) == 62, run.lines()
        assert run.lines()[-2].startswith("error: Dagster's storage was lost in the middle of the run: connection to ")
        assert server.password not in run.log.read_text()
        assert [pid for pid in family if alive(pid)] == []
