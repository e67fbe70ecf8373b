"""How long the flights image's code location takes to load in a hardened, read-only container.

    python benchmarks/code_location.py [--runs 5] [--check]

Measured is the time from the container's start, as the engine notes it, to the line of its log that says that it
serves; the goal is 5 s. Beside it, in the same image, in turns: Dagster's own code server on dagster-dbt's
`@dbt_assets` and `DbtCliResource` with the same manifest, which is what a Dagster project by hand has.
Figures are medians.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.engine import TestEngine, engine  # noqa: E402
from tests.support.flights import HARDENED, build, floe, loaded  # noqa: E402

GOAL = 5.0
_PATIENCE = 120  # seconds
_BY_HAND = """\
from pathlib import Path
from dagster import Definitions
from dagster_dbt import DbtCliResource, dbt_assets
home = Path("/opt/floe")
(manifest,) = (home / "manifests" / "dev").rglob("manifest.json")
@dbt_assets(manifest=manifest)
def models(context, dbt: DbtCliResource):
    yield from dbt.cli(["build"], context=context).stream()
profiles = Path("/tmp/profiles")
profiles.mkdir()
output = "{type: duckdb, path: /tmp/flights.duckdb}"
(profiles / "profiles.yml").write_text(f"flights: {{target: dev, outputs: {{dev: {output}}}}}")
project = str(home / "project" / "transform")
resource = DbtCliResource(project_dir=project, profiles_dir=str(profiles), profile="flights")
definitions = Definitions(assets=[models], resources={"dbt": resource})
"""


def seconds(found: TestEngine, image: str, says: str, *arguments: str, flags: tuple[str, ...] = ()) -> float:
    """From the container's start until its log has a line with ``says``. AssertionError where it has none."""
    volume = ("--tmpfs", "/var/lib/floe:mode=1777")
    created = found.docker("create", *HARDENED, "--user", "12345:0", *volume, *flags, image, *arguments)
    container = created.stdout.strip()
    try:
        found.docker("start", container)
        follow = ["timeout", str(_PATIENCE), "docker", "logs", "--follow", "--timestamps", container]
        with subprocess.Popen(
            follow, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=found.env
        ) as process:
            assert process.stdout
            said = []
            for line in process.stdout:
                said.append(line)
                if says in line:
                    process.kill()
                    began = found.docker("inspect", "--format", "{{.State.StartedAt}}", container).stdout.strip()
                    return _moment(line.split()[0]) - _moment(began)
        raise AssertionError(f"it does not say {says!r}:\n{''.join(said)[-2000:]}")
    finally:
        found.docker("rm", "--force", container)


def _moment(text: str) -> float:
    """RFC 3339 with nanoseconds, as seconds since the epoch."""
    whole, _, part = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{part or 0}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="exit with 1 where the goal is missed")
    options = parser.parse_args()
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory() as folder, engine("classic") as found:
        project = Path(folder) / "flights"
        floe(Path(folder), "init", "--example", "flights", "--folder", str(project))
        by_hand = Path(folder) / "by_hand.py"
        by_hand.write_text(_BY_HAND)
        for path in (Path(folder), by_hand):
            path.chmod(0o755)
        mount = ("--volume", f"{by_hand}:/by_hand/by_hand.py:ro", "--env", "PYTHONPATH=/by_hand")
        with loaded(found, build(project).archive(f"linux/{found.api.architecture}")) as image:
            for _ in range(options.runs):
                ours.append(seconds(found, image, "serving flights", "code-server"))
                dagster = ("-m", "dagster", "api", "grpc", "-h", "127.0.0.1", "-p", "4000", "-m", "by_hand")
                entry = ("--entrypoint", "/usr/bin/python3.11", "--env", "PYTHONSAFEPATH=", *mount)
                theirs.append(seconds(found, image, "Started Dagster code server", *dagster, flags=entry))
    mine, other = statistics.median(ours), statistics.median(theirs)
    print(f"{'until the code location serves, s':40} {'floe':>7} {'by hand':>8} {'ratio':>7} {'goal':>6}")
    print(f"median of {options.runs:<30} {mine:7.2f} {other:8.2f} {mine / other:7.2f} {GOAL:6.1f}")
    print(f"{'worst':40} {max(ours):7.2f} {max(theirs):8.2f}   load {os.getloadavg()[0]:.1f}")
    return int(options.check and mine > GOAL)


if __name__ == "__main__":
    sys.exit(main())
