"""Runs dbt requests at the same time, each in a worker of its own, and prints their events with the request's number.

stdin: a JSON list of DbtRequest's fields. stdout: lines of JSON, ``{"n": 0, "event": …}``.
"""

from __future__ import annotations

import json
import os
import sys
import threading

from floe_images.artifacts.events import to_line
from floe_images.runtime.dbt.request import DbtRequest
from floe_images.runtime.execute import execute
from floe_images.runtime.places import Places, read_artifacts


def run(number: int, fields: dict[str, object]) -> None:
    for name in ("select", "exclude", "window"):
        if name in fields:
            fields[name] = tuple(fields[name])
    for event in execute(DbtRequest(**fields), artifacts=artifacts, observers=()):
        line = json.dumps({"n": number, **json.loads(to_line(event))})
        with lock:
            print(line, flush=True)


lock = threading.Lock()
artifacts = read_artifacts(Places.of(os.environ))
threads = [threading.Thread(target=run, args=each) for each in enumerate(json.loads(sys.stdin.readline()))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
