"""`floe build` beside the Dockerfile of dockerfiles/floe: the same lock, the same base, the same engine, in turns.

    eval "$(python scripts/engine/engine.py up classic)"
    python benchmarks/build_vs_dockerfile.py [--runs 3] [--cold-runs 1] [--check]

Measured is the time until the image is loadable: for floe until the archive is written (of both platforms where the
Dockerfile builds both, else of one), for the Dockerfile until the engine has the image. Everything is downloaded
before. The Dockerfile's second platform is built under qemu, as `docker buildx bake` does it. Memory is of floe's whole
process tree: the sum of what is resident (pages that two processes share count twice), the highest of all samples. The
engine of DOCKER_HOST loses its build cache, so use a private one.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from floe_images.engine.store import default_store

ROOT = Path(__file__).resolve().parent.parent
HERE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
OTHER = {"amd64": "arm64", "arm64": "amd64"}[HERE]
MODEL = "transform/models/marts/daily_delays.sql"
BUMPED = "idna"
VERSIONS = ("3.7", "3.8", "3.9", "3.10", "3.11")
GOALS = {"both platforms, from downloads": 0.5, "nothing changed": None, "one model": 0.5, "one dependency": 0.2}
MEMORY_GOAL = 300_000_000
PAGE = os.sysconf("SC_PAGE_SIZE")
SAMPLE_SECONDS = 0.05


@dataclass
class Results:
    floe: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in GOALS})
    docker: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in GOALS})
    memory: int = 0


@dataclass(frozen=True)
class Bench:
    work: Path
    results: Results = field(default_factory=Results)

    @property
    def project(self) -> Path:
        return self.work / "flights"

    @property
    def cache(self) -> Path:
        return self.work / "cache"

    def prepare(self, versions: tuple[str, ...], *, both: bool) -> None:
        """A project with a lock for each version of the package that gets bumped, and what bake.hcl needs for each.

        ``both``: for the other platform, too.
        """
        shutil.copytree(ROOT / "examples" / "flights", self.project)
        downloads = default_store().root / "downloads"
        if downloads.is_dir():
            shutil.copytree(downloads, self.cache / "downloads", copy_function=_link)
        text = (self.project / "floe.yaml").read_text()
        for version in versions:
            say(f"locking with {BUMPED} {version}")
            pinned = text.replace("  max_size:", f'  python_packages: ["{BUMPED}=={version}"]\n  max_size:')
            (self.project / "floe.yaml").write_text(pinned)
            self.floe("lock")
            for name in ("floe.yaml", "floe.lock"):
                shutil.copy(self.project / name, self.work / f"{name}-{version}")
            self.prepare_docker(version, HERE)
        self.use(versions[0])
        if both:
            self.prepare_docker(versions[0], OTHER)
            self.floe("build")  # downloads what is still missing

    def prepare_docker(self, version: str, architecture: str) -> None:
        output = self.work / f"{architecture}-{version}"
        script = [sys.executable, str(ROOT / "scripts" / "prepare_docker.py"), str(self.project)]
        base = ["--platform", f"linux/{architecture}", "--base", f"floe-bench-base:{architecture}"]
        run([*script, "--output", str(output), *base], self.environment)
        run(["docker", "load", "--quiet", "--input", str(output / "base.tar")])

    def use(self, version: str) -> None:
        for name in ("floe.yaml", "floe.lock"):
            shutil.copy(self.work / f"{name}-{version}", self.project / name)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "FLOE_CACHE_DIR": str(self.cache)}

    def floe(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "floe_images", *arguments]
        self.results.memory = max(self.results.memory, run(command, self.environment, cwd=self.project))

    def build(self, *arguments: str) -> None:
        self.floe("build", "--frozen", "--output", str(self.work / "out"), *arguments)

    def bake(self, version: str, architecture: str = HERE) -> None:
        variables = {
            "PREPARED": str(self.work / f"{architecture}-{version}"),
            "PROJECT": str(self.project / "transform"),
            "BASE": f"floe-bench-base:{architecture}",
            "TAG": f"floe-bench:{architecture}",
        }
        command = ["docker", "buildx", "bake", "--file", str(ROOT / "bake.hcl")]
        run([*command, "--set", f"*.platform=linux/{architecture}"], {**os.environ, **variables}, cwd=ROOT)

    def compare(self, name: str, floe: Callable[[], None], docker: Callable[[], None]) -> None:
        for kind, action in (("floe", floe), ("docker", docker)):
            start = time.monotonic()
            action()
            seconds = time.monotonic() - start
            getattr(self.results, kind)[name].append(seconds)
            say(f"{name}: {kind} {seconds:.2f} s")

    def cold(self, version: str) -> None:
        self.use(version)
        for folder in self.cache.iterdir():
            if folder.name != "downloads":
                shutil.rmtree(folder)
        run(["docker", "builder", "prune", "--all", "--force"])
        self.results.memory = 0

        def both() -> None:
            self.bake(version, HERE)
            self.bake(version, OTHER)

        self.compare("both platforms, from downloads", lambda: self.build(), both)

    def warm(self, number: int, old: str, new: str) -> None:
        one = ("--platform", f"linux/{HERE}")
        self.use(old)
        self.build(*one)
        self.bake(old)
        self.compare("nothing changed", lambda: self.build(*one), lambda: self.bake(old))
        with open(self.project / MODEL, "a") as model:
            # Never what an earlier benchmark wrote: the engine's build cache would know it.
            model.write(f"-- {number} {time.time_ns()}\n")
        self.compare("one model", lambda: self.build(*one), lambda: self.bake(old))
        self.use(new)
        self.compare("one dependency", lambda: self.build(*one), lambda: self.bake(new))

    def tidy(self) -> None:
        for architecture in (HERE, OTHER):
            for name in (f"floe-bench:{architecture}", f"floe-bench-base:{architecture}"):
                subprocess.run(["docker", "image", "rm", "--force", name], capture_output=True)


def run(command: list[str], environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> int:
    """Peak of the resident bytes of the command's process tree. SystemExit with what it said where it fails."""
    process = subprocess.Popen(
        command, env=environment, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    peak = [0]
    done = threading.Event()

    def sample() -> None:
        while not done.wait(SAMPLE_SECONDS):
            peak[0] = max(peak[0], _resident(process.pid))

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        said, _ = process.communicate()
    finally:
        done.set()
        sampler.join()
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}\n{said}")
    return peak[0]


def _resident(root: int) -> int:
    """Resident bytes of a process and all below it (https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html)."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it ended meanwhile
                continue
            children.setdefault(parent, []).append(int(entry.name))
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
        except OSError:
            continue
    return total


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def report(results: Results) -> bool:
    """Print the table; whether every goal that was measured is met."""
    met = True
    print(f"{'':32} {'floe':>8} {'docker':>8} {'ratio':>6} {'goal':>6}   (seconds, medians)")
    for name, goal in GOALS.items():
        if not results.floe[name]:
            continue
        ours, theirs = statistics.median(results.floe[name]), statistics.median(results.docker[name])
        met = met and (goal is None or ours / theirs <= goal)
        print(f"{name:32} {ours:8.2f} {theirs:8.2f} {ours / theirs:6.2f} {goal or '':>6}")
    print(f"peak memory of floe: {results.memory / 1e6:.0f} MB, goal {MEMORY_GOAL / 1e6:.0f} MB")
    return met and results.memory <= MEMORY_GOAL


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, choices=range(1, len(VERSIONS)), default=3, help="of what is incremental")
    cold = "of both platforms from downloads; 0 keeps the engine's build cache, where a bump may be found ready"
    parser.add_argument("--cold-runs", type=int, default=1, help=cold)
    parser.add_argument("--check", action="store_true", help="exit with 1 where a goal is missed")
    options = parser.parse_args()
    if not os.environ.get("DOCKER_HOST"):
        parser.error("DOCKER_HOST names no engine: its build cache is emptied, so it must be meant")
    versions = VERSIONS[: options.runs + 1]
    with tempfile.TemporaryDirectory(prefix="floe-bench-") as folder:
        bench = Bench(Path(folder))
        try:
            bench.prepare(versions, both=options.cold_runs > 0)
            for _ in range(options.cold_runs):
                bench.cold(versions[0])
            for number, (old, new) in enumerate(itertools.pairwise(versions)):
                bench.warm(number, old, new)
        finally:
            bench.tidy()
    met = report(bench.results)
    return 1 if options.check and not met else 0


if __name__ == "__main__":
    sys.exit(main())
