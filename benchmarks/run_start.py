"""How long a run takes from exec to dbt's first node, beside `dbt build` alone, and what Dagster adds to each asset.

    python benchmarks/run_start.py [--runs 5] [--check]

Goals: run start 3 s, an asset 100 ms beyond dbt's own time. One floe run and one `dbt build` in turns, on the same
project (tests/runtime/shop), in the same environment, with bytecode; ratios are of pairs, figures are medians. What an
asset costs: (time from the first node to the end of the process, less that of dbt alone) / assets and checks.
benchmarks/telemetry.py has the cost of events and spans.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.runtime import runtime_environment  # noqa: E402
from tests.support.shop import Shop, make_shop  # noqa: E402

START, ASSET = 3.0, 0.1
SEED_START, SEED_ASSET = 10.0, 1.0


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Seconds: exec to the first node, exec to the end, CPU of the process and its children; and how many nodes."""

    start: float
    wall: float
    cpu: float
    nodes: int


def measure(command: list[str], environment: dict[str, str]) -> Taken:
    """Run to the end, reading JSON lines: floe's events, or dbt's log."""
    first, nodes = None, 0
    began = time.time()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stderr
    said = []
    for line in process.stdout:
        said.append(line)
        found = json.loads(line)
        if found.get("event") == "node_started" or found.get("info", {}).get("name") == "NodeStart":
            nodes += 1
            first = first or _moment(found)
    log = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.time() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or first is None:
        raise SystemExit(f"{command[:4]} ended with {process.returncode}\n{''.join(said)[-1500:]}\n{log[-1500:]}")
    return Taken(start=first - began, wall=wall, cpu=usage.ru_utime + usage.ru_stime, nodes=nodes)


def _moment(found: dict[str, object]) -> float:
    """Seconds since the epoch: floe's are nanoseconds, dbt's a text in UTC."""
    if "at" in found:
        return int(str(found["at"])) / 1e9
    return datetime.fromisoformat(str(found["info"]["ts"]).replace("Z", "+00:00")).timestamp()  # type: ignore[index]


def pair(template: Shop, folder: Path, *, floe_first: bool) -> tuple[Taken, Taken]:
    """One run of each on databases of their own: floe's, dbt's."""
    shop = template.copy(folder / "shop")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLOE_", "DBT_", "DAGSTER_"))}
    environment = {**kept, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", **shop.env}
    database = shop.root / "state" / "prod.duckdb"
    output = {"type": "duckdb", "path": str(database), "threads": 4, "schema": "main"}
    profiles = folder / "profiles"
    profiles.mkdir()
    (profiles / "profiles.yml").write_text(json.dumps({"floe": {"target": "dev", "outputs": {"dev": output}}}))
    floe = [str(shop.python), "-m", "floe_images.runtime.main", "run", "--target", "dev", "--events"]
    dbt = [
        str(shop.python), "-c", "from dbt.cli.main import cli; cli()", "--log-format", "json", "--log-level", "debug",
        "--log-level-file", "none", "build", "--project-dir", str(shop.root / "home/project/shop"),
        "--profiles-dir", str(profiles), "--profile", "floe", "--target-path", str(folder / "target"),
    ]  # fmt: skip
    if floe_first:
        ours = measure(floe, environment)
        return ours, measure(dbt, environment)
    theirs = measure(dbt, environment)
    return measure(floe, environment), theirs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="exit with 1 where a goal is missed")
    options = parser.parse_args()
    pairs: list[tuple[Taken, Taken]] = []
    with tempfile.TemporaryDirectory() as folder:
        template = make_shop(Path(folder) / "template", runtime_environment())
        for turn in range(options.runs + 1):
            here = Path(folder) / str(turn)
            here.mkdir()
            found = pair(template, here, floe_first=turn % 2 == 0)
            if turn:  # the first one brings files into memory
                pairs.append(found)
    print(
        f"{'median of ' + str(options.runs):38} {'floe run':>9} {'dbt build':>9} {'ratio':>6} {'goal':>6} {'seed':>6}"
    )
    goals = {"start": (START, SEED_START)}
    for name, words in (("start", "exec to dbt's first node, s"), ("wall", "exec to end, s"), ("cpu", "CPU, s")):
        ours, theirs = (statistics.median(getattr(each[side], name) for each in pairs) for side in (0, 1))
        ratio = statistics.median(getattr(one, name) / getattr(other, name) for one, other in pairs)
        goal, seed = goals.get(name, ("", ""))
        print(f"{words:38} {ours:9.2f} {theirs:9.2f} {ratio:6.2f} {goal:>6} {seed:>6}")
    added = [((one.wall - one.start) - (other.wall - other.start)) / one.nodes for one, other in pairs]
    asset = statistics.median(added)
    words = f"a node beyond dbt, s (of {pairs[0][0].nodes})"
    print(f"{words:38} {asset:9.3f} {'':9} {'':6} {ASSET:>6} {SEED_ASSET:>6}")
    start = statistics.median(ours.start for ours, _ in pairs)
    return int(options.check and (start > START or asset > ASSET))


if __name__ == "__main__":
    sys.exit(main())
