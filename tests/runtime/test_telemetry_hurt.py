"""Collectors that are dead, silent, slow, wrong or out of reach: a run does not notice, and nothing is lost."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from floe_images.artifacts.events import to_line
from floe_images.artifacts.model import CompiledArtifacts, Reference
from tests.support.netns import island
from tests.support.telemetry import (
    NOTHING,
    Driven,
    Ports,
    Recorder,
    drive,
    events,
    free_ports,
    lineage_events,
    make_home,
    recorder,
    settings,
    shop,
    spans,
)

TELL = 0.005  # seconds of CPU an event may take at most
CLOSE = 0.2  # seconds of draining at the end
_SPARE = 0.8  # seconds that a busy machine and the spool may take on top
_ONE = {"traces": 21, "lineage": 10}  # items of one run
OTHER = "5b1c9c1e-3f6f-4f0c-8d55-0a4f5c1b2d3e"


def _artifacts(ports: Ports, protocol: str = "grpc") -> CompiledArtifacts:
    port = ports.grpc if protocol == "grpc" else ports.http
    return shop(
        traces=settings(endpoint=f"http://127.0.0.1:{port}", protocol=protocol, headers=settings()),
        lineage=settings(type="http", url=f"http://127.0.0.1:{ports.http}", endpoint="api/v1/lineage"),
    )


def _unhurt(driven: Driven) -> None:
    assert driven.code == 0
    assert max(driven.told["tell_cpu"]) < TELL
    assert driven.told["close"] < CLOSE + _SPARE


def _once(got: list[dict[str, Any]], runs: int) -> None:
    """Each span and each event of that many runs arrived, and none twice."""
    found = Counter((each["traceId"], each["spanId"]) for each in spans(got))
    assert (len(found), set(found.values())) == (8 * runs, {1})
    told = Counter((e["run"]["runId"], e["eventType"]) for e in lineage_events(got))
    assert (len(told), set(told.values())) == (10 * runs, {1})


@contextlib.contextmanager
def _behaving(python: Path, mode: str, ports: Ports) -> Iterator[Recorder | None]:
    if mode == "dead":
        yield None
        return
    with recorder(python, mode, ports=ports) as found:
        yield found


@pytest.mark.parametrize(
    ("mode", "protocol"),
    [("dead", "grpc"), ("silent", "grpc"), ("silent", "http"), ("500", "http"), ("wrong", "http")],
)  # fmt: skip
def test_what_a_bad_endpoint_did_not_take_comes_with_the_next_run_once(
    runtime_python: Path, tmp_path: Path, mode: str, protocol: str
) -> None:
    ports = free_ports()
    home = make_home(tmp_path, _artifacts(ports, protocol))
    with _behaving(runtime_python, mode, ports):
        # Silent ones hold the first request until the end; everybody else has failed by then.
        until: dict[str, Any] = {"opened": True} if mode == "silent" else {"handled": _ONE}
        driven = drive(runtime_python, home, events(), pause=0.03, **until)
    _unhurt(driven)
    # The recorder of "wrong" does take lineage: its server asks nothing of an answer's body.
    lineage = "lineage 10 sent" if mode == "wrong" else "lineage 0 sent, 10 kept for the next run"
    assert driven.last_line.startswith("WARNING telemetry: traces 0 sent, 21 kept for the next run")
    assert lineage in driven.last_line
    assert home.spool

    with recorder(runtime_python, ports=ports) as collector:
        lineage_kept = 0 if mode == "wrong" else 10
        wanted = {"traces": 42, "lineage": 10 + lineage_kept}
        second = drive(runtime_python, home, events(run_id=OTHER), handled=wanted)
        got = collector.stop()
    _unhurt(second)
    assert not home.spool
    if mode == "wrong":
        assert len(spans(got)) == 16
    else:
        assert second.last_line == "INFO telemetry: traces 42 sent; lineage 20 sent"
        _once(got, 2)


def test_a_slow_endpoint_gets_what_it_can_take_and_the_rest_waits(runtime_python: Path, tmp_path: Path) -> None:
    ports = free_ports()
    home = make_home(tmp_path, _artifacts(ports))
    with recorder(runtime_python, "slow", ports=ports):
        driven = drive(runtime_python, home, events(), opened=True)
    _unhurt(driven)
    assert "kept for the next run" in driven.last_line
    assert "dropped" not in driven.last_line


def test_what_a_receiver_refuses_for_good_is_dropped_and_counted(runtime_python: Path, tmp_path: Path) -> None:
    ports = free_ports()
    home = make_home(tmp_path, _artifacts(ports))
    with recorder(runtime_python, "refuse", ports=ports):
        driven = drive(runtime_python, home, events(), handled=_ONE)
    _unhurt(driven)
    assert driven.last_line == (
        "WARNING telemetry: traces 0 sent, 21 dropped (gRPC INVALID_ARGUMENT); lineage 0 sent, 10 dropped (HTTP 400)"
    )
    assert not home.spool


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_what_a_receiver_took_in_part_is_counted(runtime_python: Path, tmp_path: Path, protocol: str) -> None:
    ports = free_ports()
    home = make_home(tmp_path, _artifacts(ports, protocol))
    with recorder(runtime_python, "partial", ports=ports):
        driven = drive(runtime_python, home, events(), handled=_ONE)
    assert driven.last_line == "WARNING telemetry: traces 15 sent, 6 dropped; lineage 10 sent"


@pytest.mark.parametrize("where", ["a black hole", "a name that a black-holed resolver is asked for"])
@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_route_and_a_resolver_that_swallow_packets(
    runtime_python: Path, tmp_path: Path, protocol: str, where: str
) -> None:
    host = "198.51.100.7" if where == "a black hole" else "collector.example.internal"
    artifacts = shop(
        traces=settings(endpoint=f"http://{host}:4317", protocol=protocol, headers=settings()),
        lineage=settings(type="http", url=f"http://{host}:5000", endpoint="api/v1/lineage"),
    )
    home = make_home(tmp_path, artifacts)
    with island() as net:
        resolver = Path("/etc/netns") / net.name / "resolv.conf"
        resolver.write_text("nameserver 198.51.100.53\n")
        start = time.monotonic()
        driven = drive(
            runtime_python, home, events(), prefix=["ip", "netns", "exec", net.name], pause=0.03, opened=True
        )
        took = time.monotonic() - start
        packets = set(net.packets)
    _unhurt(driven)
    expected = "198.51.100.7:5000/tcp" if where == "a black hole" else "198.51.100.53:53/udp"
    assert expected in packets  # it was tried, and swallowed
    assert "traces 0 sent, 21 kept for the next run" in driven.last_line
    assert "lineage 0 sent, 10 kept for the next run" in driven.last_line
    assert took < 8  # the process has ended, whatever its threads were waiting for


def test_what_a_killed_run_had_kept_is_delivered_once(runtime_python: Path, tmp_path: Path) -> None:
    ports = free_ports()
    home = make_home(tmp_path, _artifacts(ports))
    driven = drive(runtime_python, home, events(), pause=0.15, kill=12)
    assert driven.code == -9
    kept = Counter[str]()
    for path in home.spool:
        kept[path.parts[-3]] += int(path.stem.rsplit("-", 1)[1])
    assert kept["lineage"] > 0

    with recorder(runtime_python, ports=ports) as collector:
        wanted = {name: own + kept[name] for name, own in _ONE.items()}
        second = drive(runtime_python, home, events(run_id=OTHER), handled=wanted)
        got = collector.stop()
    assert not home.spool
    assert second.last_line == "INFO telemetry: traces {traces} sent; lineage {lineage} sent".format(**wanted)
    found = Counter(each["spanId"] for each in spans(got))
    told = Counter((e["run"]["runId"], e["eventType"]) for e in lineage_events(got))
    assert set(found.values()) | set(told.values()) == {1}
    assert len(spans(got)) > 8 or len(told) > 10  # more than the second run's own


def test_two_runs_at_once_do_not_send_what_was_kept_twice(runtime_python: Path, tmp_path: Path) -> None:
    ports = free_ports()
    home = make_home(tmp_path, _artifacts(ports))
    drive(runtime_python, home, events(models=40), handled={"lineage": 90})
    assert len(home.spool) > 80
    before = 8 + 2 * 40

    with recorder(runtime_python, ports=ports) as collector:
        script = Path(__file__).parents[1] / "support" / "telemetry_driver.py"
        runs = [
            subprocess.Popen(
                [runtime_python, script],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                text=True,
                env={"PYTHONPATH": str(Path(__file__).parents[2]), **home.environ()},
            )
            for _ in range(2)
        ]
        for run in runs:
            assert run.stdin
            run.stdin.write(json.dumps({"events": [to_line(each) for each in NOTHING], "idle": True}))
            run.stdin.close()
        assert [run.wait(60) for run in runs] == [0, 0]
        got = collector.stop()
    assert not home.spool
    found = Counter(each["spanId"] for each in spans(got))
    assert (len(found), set(found.values())) == (before, {1})
    told = Counter((e["run"]["runId"], e["eventType"]) for e in lineage_events(got))
    assert (len(told), set(told.values())) == (10 + 2 * 40, {1})


def test_events_beyond_the_queue_are_dropped_and_counted(runtime_python: Path, tmp_path: Path) -> None:
    ports = free_ports()
    home = make_home(tmp_path, _artifacts(ports))
    what = events(models=300)
    driven = drive(runtime_python, home, what, most=50)
    _unhurt(driven)
    dropped = int(driven.last_line.split("; ")[-1].split(" ")[0])
    assert "events dropped before they were encoded" in driven.last_line
    assert 0 < dropped <= len(what) - 50


def test_a_secret_that_is_missing_is_named_and_keeps_nothing_from_arriving(
    runtime_python: Path, tmp_path: Path
) -> None:
    with recorder(runtime_python) as collector:
        key = Reference(kind="secret", name="lineage_key")
        artifacts = shop(lineage=settings(type="http", url=collector.http, endpoint="api/v1/lineage", api_key=key))
        home = make_home(tmp_path, artifacts)
        first = drive(runtime_python, home, events(), handled={"lineage": 10})
        second_home = make_home(tmp_path, artifacts, {"lineage_key": "canary-3c"})
        second = drive(runtime_python, second_home, events(run_id=OTHER), handled={"lineage": 20})
        got = collector.stop()
    assert first.last_line == (
        "WARNING telemetry: lineage 0 sent, 10 kept for the next run "
        "(observability.lineage.api_key needs the secret lineage_key, which is not there)"
    )
    assert second.last_line == "INFO telemetry: lineage 20 sent"
    assert len(lineage_events(got)) == 20


def test_no_secret_is_in_the_spool_or_in_the_log(runtime_python: Path, tmp_path: Path) -> None:
    canary = "canary-91ab+/="
    ports = free_ports()
    secret = Reference(kind="secret", name="key")
    artifacts = shop(
        traces=settings(
            endpoint=f"http://127.0.0.1:{ports.grpc}", protocol="grpc", headers=settings(authorization=secret)
        ),
        lineage=settings(type="http", url=f"http://127.0.0.1:{ports.http}", endpoint="api/v1/lineage", api_key=secret),
    )
    home = make_home(tmp_path, artifacts, {"key": canary})
    driven = drive(runtime_python, home, events(), handled=_ONE)
    needles = (canary.encode(), base64.b64encode(canary.encode()), json.dumps(canary).encode())
    kept = [path.read_bytes() for path in home.state.rglob("*") if path.is_file()]
    assert len(kept) > 3
    assert not [needle for needle in needles for data in (*kept, driven.log.encode()) if needle in data]


def test_damaged_files_and_other_endpoints_are_left_alone(runtime_python: Path, tmp_path: Path) -> None:
    ports = free_ports()
    home = make_home(tmp_path, _artifacts(ports))
    drive(runtime_python, home, events(), handled=_ONE)
    lineage = [path for path in home.spool if "/lineage/" in str(path)]
    lineage[0].write_bytes(lineage[0].read_bytes()[:-3])
    lineage[1].write_bytes(b"")
    elsewhere = home.state / "telemetry" / "lineage" / "0123456789abcdef"
    elsewhere.mkdir()
    (elsewhere / lineage[2].name).write_bytes(lineage[2].read_bytes())

    with recorder(runtime_python, ports=ports) as collector:
        second = drive(runtime_python, home, events(run_id=OTHER), handled={"traces": 42, "lineage": 18})
        got = collector.stop()
    assert "lineage 18 sent, 2 damaged files set aside" in second.last_line
    assert len(lineage_events(got)) == 18
    assert [path.parent for path in home.spool] == [elsewhere]
