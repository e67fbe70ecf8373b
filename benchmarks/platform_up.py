"""How long the platform takes until it is healthy, what it has in memory at rest, and what a run of flights takes.

    python benchmarks/platform_up.py [--runs 3] [--rest 60]

PostgreSQL, the lake and Dagster's three containers on the project's private engine (or FLOE_TEST_DOCKER_HOST's).
Images are built and loaded before anything is measured: a cold start is `floe up` without containers and volumes, a
warm one with volumes. Memory is the working set (docker stats), after ``--rest`` seconds and before any run. A run is
the command from exec to exit, on tables that are there; figures are medians.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.engine import engine  # noqa: E402
from tests.support.platforms import SERVING, SLOW, Platform, platform_in  # noqa: E402

TARGETS = {"dev": "DuckDB", "prod": "PostgreSQL", "lake": "Iceberg tables in the lake"}
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def starts(platform: Platform, runs: int) -> dict[str, list[float]]:
    """Seconds of `floe up`: ``cold``, ``warm``, and ``again`` with everything up."""
    found: dict[str, list[float]] = {"cold": [], "warm": [], "again": []}
    for _ in range(runs):
        platform.floe("down", "--volumes")
        found["cold"].append(timed(platform.up))
        platform.floe("down")
        found["warm"].append(timed(platform.up))
        found["again"].append(timed(platform.up))
    return found


def memory(platform: Platform) -> dict[str, float]:
    """MiB by service."""
    names = {each["Name"].lstrip("/"): service for service, each in platform.containers().items()}
    ids = [platform.containers()[service]["Id"] for service in SERVING]
    said = platform.engine.docker("stats", "--no-stream", "--format", "{{json .}}", *ids).stdout
    found = {}
    for line in said.splitlines():
        each = json.loads(line)
        text = each["MemUsage"].split("/")[0].strip()
        unit = next(unit for unit in sorted(_UNITS, key=len, reverse=True) if text.endswith(unit))
        found[names[each["Name"]]] = float(text.removesuffix(unit)) * _UNITS[unit] / (1 << 20)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rest", type=float, default=60, help="seconds before memory is looked at")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        engine("classic") as found,
        platform_in(found, Path(folder) / "project", "platform-bench") as platform,
    ):
        print(f"{'floe up, until all is healthy (s)':40} {'median':>8} {'worst':>8}")
        for kind, seconds in starts(platform, options.runs).items():
            print(f"  {kind:38} {statistics.median(seconds):8.2f} {max(seconds):8.2f}")
        time.sleep(options.rest)
        print("memory at rest (MiB)")
        used = memory(platform)
        for service in SERVING:
            print(f"  {service:38} {used[service]:8.0f}")
        print(f"  {'all':38} {sum(used.values()):8.0f}")
        print(f"{'a run of flights (s)':40} {'median':>8} {'worst':>8}")
        leave_out = [word for name in SLOW for word in ("--exclude", name)]
        for target, words in TARGETS.items():
            run = functools.partial(platform.run, target, *leave_out)
            run()  # the tables are there
            seconds = [timed(run) for _ in range(options.runs)]
            print(f"  {words:38} {statistics.median(seconds):8.2f} {max(seconds):8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
