"""How much CPU `floe --help`, `validate` and `compile` take beyond the bare interpreter, measured in turns.

    python benchmarks/cli_start.py [--runs 20] [--check]

Goals, on examples/flights: help 100 ms, validate 200 ms, compile 500 ms. CPU is user + system time of the process and
its children.
Bytecode is kept in a temporary folder and warm, as it is after an installation.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "flights"
CASES: dict[str, tuple[list[str], int | None]] = {
    "python -c pass": (["-c", "pass"], None),
    # What `floe validate` cannot be faster than, as long as it stands on these libraries.
    "its libraries": (["-c", "import click, yaml, importlib.metadata; from pydantic import BaseModel, Field"], None),
    "floe --help": (["-m", "floe_images", "--help"], 100),
    "floe validate": (["-m", "floe_images", "validate", "--file", str(EXAMPLE / "floe.yaml")], 200),
    "floe compile": (["-m", "floe_images", "compile", "--file", "flights/floe.yaml"], 500),
}


def cpu_of(arguments: list[str], environment: dict[str, str], folder: str) -> float:
    """Milliseconds of CPU of one run."""
    process = subprocess.Popen([sys.executable, *arguments], env=environment, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{arguments} ended with {process.returncode}")
    return (usage.ru_utime + usage.ru_stime) * 1000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--check", action="store_true", help="exit with 1 where a goal is missed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as folder:
        shutil.copytree(EXAMPLE, Path(folder, "flights"))
        subprocess.run([sys.executable, "-m", "floe_images", "lock"], cwd=Path(folder, "flights"), check=True)
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = cache
        figures: dict[str, list[float]] = {name: [] for name in CASES}
        for run in range(options.runs + 1):
            for name, (arguments, _) in CASES.items():
                taken = cpu_of(arguments, environment, folder)
                if run > 0:  # the first one makes the bytecode
                    figures[name].append(taken)
    bare = statistics.median(figures["python -c pass"])
    missed = False
    print(f"{'':16} {'min':>7} {'median':>7} {'beyond':>7} {'goal':>6}   ms of CPU, {options.runs} runs")
    for name, (_, goal) in CASES.items():
        middle = statistics.median(figures[name])
        missed |= goal is not None and middle - bare > goal
        print(f"{name:16} {min(figures[name]):7.0f} {middle:7.0f} {middle - bare:7.0f} {goal or '':>6}")
    return int(options.check and missed)


if __name__ == "__main__":
    sys.exit(main())
