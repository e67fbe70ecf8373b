"""What telemetry costs: an event and a span on the caller's path, and whole runs with endpoints that do not answer.

    python benchmarks/telemetry.py [--events 2000] [--runs 5] [--check]

Goals: an event 5 ms and a span 0.1 ms (two events: a node's beginning and its end), mean of all, and a run whose
endpoints are dead, silent or answer 500 within 5 % of one without telemetry. Runs are paired: one of each kind in
turns, and the ratio is the median of the pairs', in CPU (the process and its children: other work distorts it less)
and in time. What a run may wait at its end for a collector that does not answer, 0.2 s, is told apart: `end` is the
time from its last event to its exit, beyond that of its pair. Times count unless the machine is busy.
What people would use instead is measured beside: OpenTelemetry's SDK with its batch processor, OpenLineage's client.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from floe_images.artifacts.codec import encode  # noqa: E402
from floe_images.artifacts.model import CompiledArtifacts, ObservabilityArtifact  # noqa: E402
from tests.support.runtime import runtime_environment  # noqa: E402
from tests.support.shop import Shop, make_shop, shop_artifacts  # noqa: E402
from tests.support.telemetry import Ports, drive, events, free_ports, make_home, recorder, settings, shop  # noqa: E402

EVENT, SPAN, RUN, END = 0.005, 0.0001, 1.05, 0.2
_RUN = ["-m", "floe_images.runtime.main", "run", "--target", "dev", "--events"]

# The same work by the libraries' own hands, on endpoints that answer. Seconds a call; imports are not counted.
_SDK = """
import json, sys, time
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(sys.argv[1], insecure=True)))
tracer, took = provider.get_tracer("bench"), []
for number in range(int(sys.argv[3])):
    start = time.perf_counter()
    with tracer.start_as_current_span("node", attributes={"dbt.unique_id": f"model.shop.more_{number}", "dbt.rows": 1}):
        pass
    took.append(time.perf_counter() - start)
    time.sleep(0.001)
print(json.dumps(took))
"""
_CLIENT = """
import json, sys, time, uuid
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.transport.http import HttpConfig, HttpTransport
client = OpenLineageClient(transport=HttpTransport(HttpConfig(url=sys.argv[2])))
took = []
for _ in range(int(sys.argv[3])):
    event = RunEvent(eventType=RunState.START, eventTime="2026-01-01T00:00:00Z", run=Run(str(uuid.uuid4())),
                     job=Job("shop", "job"), producer="urn:bench")
    start = time.perf_counter()
    client.emit(event)
    took.append(time.perf_counter() - start)
print(json.dumps(took))
"""


def observed(ports: Ports | None, base: CompiledArtifacts) -> CompiledArtifacts:
    """``base`` with both endpoints on this machine's ports."""
    if ports is None:
        return base
    observability = ObservabilityArtifact(
        traces=settings(endpoint=f"http://127.0.0.1:{ports.grpc}", protocol="grpc", headers=settings()),
        lineage=settings(type="http", url=f"http://127.0.0.1:{ports.http}", endpoint="api/v1/lineage"),
    )
    return dataclasses.replace(base, observability=observability)


def calls(python: Path, count: int) -> bool:
    """Print what a call takes; True where a goal is missed."""
    ports, missed = free_ports(), False
    closing: dict[str, float] = {}
    print(f"{'a call, ms':46} {'median':>8} {'mean':>8} {'99 %':>8} {'goal':>6}")

    def line(name: str, took: list[float], goal: float | None) -> bool:
        mean, worst = statistics.fmean(took), sorted(took)[int(len(took) * 0.99)]
        shown = f"{goal * 1000:6.1f}" if goal else f"{'':6}"
        print(f"{name:46} {statistics.median(took) * 1000:8.3f} {mean * 1000:8.3f} {worst * 1000:8.3f} {shown}")
        return goal is not None and mean > goal

    with tempfile.TemporaryDirectory() as folder:
        home = make_home(Path(folder), observed(ports, shop()))
        for mode in ("ok", "silent", "dead"):
            with _endpoints(python, mode, ports):
                driven = drive(python, home, events(models=count // 2), pause=0.001, opened=True).told
            told = driven["tell"]
            closing[mode] = driven["close"]
            shutil.rmtree(home.state)
            home.state.mkdir()
            pairs = [first + second for first, second in zip(told[::2], told[1::2], strict=False)]
            missed |= line(f"an event, endpoints {mode}", told, EVENT)
            missed |= line(f"a span, endpoints {mode}", pairs, SPAN)
        with recorder(python) as collector:
            others = (
                ("OpenTelemetry's SDK, a span", _SDK, count),
                ("OpenLineage's client, an event", _CLIENT, count // 10),
            )
            for name, script, number in others:
                arguments = [str(python), "-c", script, collector.grpc, collector.http, str(number)]
                done = subprocess.run(arguments, capture_output=True, text=True, check=True)
                line(f"for comparison: {name}", json.loads(done.stdout), None)
    ends = ", ".join(f"{mode} {seconds * 1000:.0f}" for mode, seconds in closing.items())
    print(f"\nthe end of that run, ms (at most 200 of them for draining, then the spool): endpoints {ends}")
    return missed


@contextlib.contextmanager
def _endpoints(python: Path, mode: str, ports: Ports) -> Iterator[None]:
    if mode in ("off", "dead"):
        yield
        return
    with recorder(python, mode, ports=ports):
        yield


@dataclasses.dataclass(frozen=True, kw_only=True)
class Took:
    """Of one run, in seconds. ``end``: from the line that says that it has finished to the end of the process."""

    cpu: float
    wall: float
    end: float


def run_once(template: Shop, mode: str, ports: Ports) -> Took:
    """One run of the test's shop."""
    with tempfile.TemporaryDirectory() as folder:
        here = Shop(root=Path(folder) / "shop", python=template.python)
        shutil.copytree(template.root, here.root)
        artifacts = observed(None if mode == "off" else ports, shop_artifacts(here.root / "in"))
        (here.root / "home" / "artifacts.json").write_bytes(encode(artifacts))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLOE_", "DBT_", "DAGSTER_"))}
        with _endpoints(template.python, mode, ports), open(Path(folder) / "log", "w+") as log:
            start = finished = time.monotonic()
            process = subprocess.Popen(
                [str(template.python), *_RUN],
                env={**kept, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", **here.env},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            assert process.stdout
            for line in process.stdout:
                if '"run_finished"' in line:
                    finished = time.monotonic()
            _, status, usage = os.wait4(process.pid, 0)
            end = time.monotonic()
            process.returncode = os.waitstatus_to_exitcode(status)
            log.seek(0)
            said = log.read()
    if process.returncode != 0 or (mode not in ("off", "ok") and not re.search(r"telemetry: traces 0 sent", said)):
        raise SystemExit(f"the run with endpoints {mode} ended with {process.returncode}:\n{said[-2000:]}")
    return Took(cpu=usage.ru_utime + usage.ru_stime, wall=end - start, end=end - finished)


def runs(python: Path, count: int) -> bool:
    """Print what whole runs take; True where one is beyond a goal."""
    ports = free_ports()
    modes = ("off", "ok", "dead", "silent", "500")
    figures: dict[str, list[Took]] = {mode: [] for mode in modes}
    with tempfile.TemporaryDirectory() as folder:
        template = make_shop(Path(folder) / "template", python)
        run_once(template, "off", ports)  # files are in memory after this
        for turn in range(count):
            for mode in modes[turn % len(modes) :] + modes[: turn % len(modes)]:
                figures[mode].append(run_once(template, mode, ports))
    print(f"\n{'a run of 14 nodes, s':20} {'CPU':>7} {'ratio':>7} {'wall':>7} {'ratio':>7} {'end':>7}", end="")
    # A run keeps two processors busy at most; what waits beyond is other work.
    load = os.getloadavg()[0]
    busy = load > max(2, os.cpu_count() or 1) + 0.5
    print(f"   medians of {count}, in turns; load {load:.1f}{', so that times say nothing' if busy else ''}")
    missed = False
    for mode, measured in figures.items():
        pairs = list(zip(measured, figures["off"], strict=True))
        cpu, wall = statistics.median(each.cpu for each in measured), statistics.median(each.wall for each in measured)
        of_cpu = statistics.median(each.cpu / off.cpu for each, off in pairs)
        end = statistics.median(each.end - off.end for each, off in pairs)
        of_wall = statistics.median((each.wall - each.end) / (off.wall - off.end) for each, off in pairs)
        print(f"endpoints {mode:10} {cpu:7.2f} {of_cpu:7.3f} {wall:7.2f} {of_wall:7.3f} {end:7.3f}")
        if mode not in ("off", "ok"):  # what is delivered costs what it costs
            missed |= of_cpu > RUN or (not busy and (of_wall > RUN or end > END))
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="exit with 1 where a goal is missed")
    options = parser.parse_args()
    python = runtime_environment()
    missed = calls(python, options.events)
    if options.runs:
        missed |= runs(python, options.runs)
    return int(options.check and missed)


if __name__ == "__main__":
    sys.exit(main())
