"""A run's events, told to telemetry's observers as a run would. Run with a runtime environment's Python.

stdin: JSON with ``events`` (lines of the events), ``pause`` (seconds between two), ``kill`` (after so many events:
kill -9), ``most`` (events that may wait), and what to wait for before close: ``handled`` (so many items, by the
channel's name, were sent, dropped or kept), ``opened`` (each endpoint was tried) or ``idle`` (the spool is empty).
stdout: JSON with what each call took, in seconds; stderr: the log.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable

from floe_images.artifacts.events import from_line
from floe_images.runtime.places import Places, read_artifacts
from floe_images.runtime.telemetry import telemetry_observers
from floe_images.runtime.telemetry.observer import Telemetry
from floe_images.runtime.telemetry.outbox import Outbox


def _handled(outbox: Outbox) -> int:
    return outbox.counts.sent + outbox.counts.dropped + outbox._spool.waiting()


def _wait(until: Callable[[], bool]) -> None:
    """However busy the machine is, within half a minute."""
    deadline = time.monotonic() + 30
    while not until() and time.monotonic() < deadline:
        time.sleep(0.02)


def main() -> None:
    asked = json.load(sys.stdin)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    places = Places.of(os.environ)
    observers = telemetry_observers(read_artifacts(places), places=places, environ=os.environ)
    if "most" in asked:
        (observer,) = observers
        assert isinstance(observer, Telemetry)
        observers = (Telemetry(observer.channels, events=asked["most"]),)
    events = [from_line(line) for line in asked["events"]]
    took, cpu = [], []
    for count, event in enumerate(events, 1):
        for observer in observers:
            start, start_cpu = time.perf_counter(), time.thread_time()
            observer.tell(event)
            took.append(time.perf_counter() - start)
            cpu.append(time.thread_time() - start_cpu)
        time.sleep(asked.get("pause", 0))
        if asked.get("kill") == count:
            os.kill(os.getpid(), signal.SIGKILL)
    for observer in observers:
        assert isinstance(observer, Telemetry)
        for channel in observer.channels:
            outbox, wanted = channel.outbox, (asked.get("handled") or {}).get(channel.name, 0)
            _wait(lambda outbox=outbox, wanted=wanted: _handled(outbox) >= wanted)
            _wait(lambda outbox=outbox: not asked.get("opened") or outbox._door is not None)
            _wait(lambda outbox=outbox: not asked.get("idle") or not outbox._spool.waiting())
    start, start_cpu = time.perf_counter(), time.process_time()
    for observer in observers:
        observer.close()
    closing, closing_cpu = time.perf_counter() - start, time.process_time() - start_cpu
    print(json.dumps({"tell": took, "tell_cpu": cpu, "close": closing, "close_cpu": closing_cpu}), flush=True)


if __name__ == "__main__":
    main()
