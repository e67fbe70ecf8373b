"""Kill a command at a chosen phase, look at what it left, and fill its disk.

A command tells its phases on stderr as lines ``phase NAME``. Every command runs in a session of its own, so that what
it started can be found (and only that is ever killed).
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

PHASES = ("resolve", "fetch", "unpack", "bytecode", "manifest", "compress", "write")
Victim = Literal["group", "parent"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run: phases with the seconds from the start at which they were first told."""

    code: int
    seconds: float
    phases: tuple[tuple[str, float], ...]
    stdout: str
    stderr: str
    orphans: tuple[str, ...]  # what it had started and still ran five seconds after its end

    def window(self, phase: str) -> tuple[float, float]:
        """When a phase began and when the next one did (or the run ended), in seconds from the start."""
        begun = dict(self.phases)[phase]
        later = [at for _, at in self.phases if at > begun]
        return begun, min([*later, self.seconds])


@dataclass(frozen=True, kw_only=True)
class Kill:
    phase: str
    delay: float
    victim: Victim
    hit: bool  # it ran still when the signal was sent, and the phase had begun
    orphans: tuple[str, ...]
    told: str  # stderr until then


def watch(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 900,
    on_phase: Callable[[str, subprocess.Popen[str]], None] = lambda phase, process: None,
) -> Run:
    """Run to the end and note when each phase began; ``on_phase`` is called when one is told for the first time."""
    started = time.monotonic()
    process = subprocess.Popen(
        [str(part) for part in command],
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    out: list[str] = []
    told: list[str] = []
    phases: dict[str, float] = {}

    def listen(stream: IO[str]) -> None:
        for line in stream:
            told.append(line)
            first, _, name = line.strip().partition(" ")
            if first == "phase" and name not in phases:
                phases[name] = time.monotonic() - started
                on_phase(name, process)

    readers = [
        threading.Thread(target=lambda stream: out.append(stream.read()), args=(process.stdout,)),
        threading.Thread(target=listen, args=(process.stderr,)),
    ]
    for reader in readers:
        reader.start()
    guard = threading.Timer(timeout, _kill, [process.pid, "group"])
    guard.start()
    code = process.wait()
    seconds = time.monotonic() - started
    guard.cancel()
    orphans = _wait_for_orphans(process.pid)  # they hold the pipes, so before the readers
    for reader in readers:
        reader.join()
    process.stdout.close()
    process.stderr.close()
    return Run(
        code=code,
        seconds=seconds,
        phases=tuple(phases.items()),
        stdout="".join(out),
        stderr="".join(told),
        orphans=orphans,
    )


def kill_in_phase(
    command: Sequence[str | Path],
    phase: str,
    delay: float,
    *,
    victim: Victim = "group",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Kill:
    """SIGKILL ``delay`` seconds after ``phase`` was told: the whole group, or the parent alone (what it started must
    then end by itself)."""
    hits: list[bool] = []
    timers: list[threading.Timer] = []

    def strike(process: subprocess.Popen[str]) -> None:
        hits.append(process.poll() is None)
        _kill(process.pid, victim)

    def on_phase(name: str, process: subprocess.Popen[str]) -> None:
        if name == phase:
            timers.append(threading.Timer(delay, strike, [process]))
            timers[0].start()

    run = watch(command, env=env, cwd=cwd, on_phase=on_phase)
    for timer in timers:
        timer.cancel()
        timer.join()
    hit = bool(hits and hits[0]) and run.code == -signal.SIGKILL
    return Kill(phase=phase, delay=delay, victim=victim, hit=hit, orphans=run.orphans, told=run.stderr)


def delays(run: Run, phase: str, count: int, seed: int) -> list[float]:
    """Random moments within a phase, as an undisturbed run had it; seconds after the phase's line."""
    begun, ended = run.window(phase)
    dice = random.Random(f"{seed} {phase}")
    return [dice.uniform(0, max(0.9 * (ended - begun), 0.001)) for _ in range(count)]


def members(session: int) -> dict[int, str]:
    """Living processes of a session: pid → command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                state, _, _, owner = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
                if int(owner) == session and state != "Z":
                    found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ").strip()
    return found


def leftovers(folder: Path, known: Sequence[str]) -> list[str]:
    """Paths below ``folder`` that are neither ``known`` nor below something known."""
    paths = (str(path.relative_to(folder)) for path in sorted(folder.rglob("*")))
    return [path for path in paths if not any(path == name or path.startswith(f"{name}/") for name in known)]


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Callable[[int], None]]:
    """A disk of ``size`` bytes at ``folder`` while the block runs; what it yields gives the disk another size."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=1777", "floe-small-disk", folder], check=True)

    def resize(other: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={other}", folder], check=True)

    try:
        yield resize
    finally:
        subprocess.run(["umount", folder], check=True)


def _kill(session: int, victim: Victim) -> None:
    with contextlib.suppress(ProcessLookupError):
        if victim == "group":
            for pid in [session, *members(session)]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        else:
            os.kill(session, signal.SIGKILL)


def _wait_for_orphans(session: int) -> tuple[str, ...]:
    end = time.monotonic() + 5
    while members(session) and time.monotonic() < end:
        time.sleep(0.05)
    left = members(session)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return tuple(left.values())
