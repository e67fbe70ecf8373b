"""Which runs still have a process: each holds a lock of the operating system's, which the kernel frees with it.

Dagster cannot tell a run that was killed from one that takes long: it stays "started", and keeps its pool.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from floe_images.runtime.assets.names import PROJECT_TAG

_EVERY = 30.0  # seconds
_LOG = logging.getLogger("floe")
_HELD: dict[str, int] = {}  # run → descriptor with the lock, of a run whose operations may be over
_SAID = "The process of this run has ended without recording how: it was killed, or the machine went down."


def lock_folder(state: Path) -> Path:
    """Beside Dagster's own files on the state volume."""
    return state / "dagster" / "alive"


@contextlib.contextmanager
def alive(folder: Path, run_id: str, *, whole: bool) -> Iterator[None]:
    """Hold the run's lock. Where no lock can be made, the run goes on without one: it is only not looked after.

    ``whole``: this process is the run's, and nobody else's. Then the lock is held until the process ends or begins
    another run, since Dagster records how a run ended after its last operation, if it can; `fail_dead_runs` removes the
    file. Otherwise (an executor with processes of its own for each step) the lock is the operation's alone.
    """
    if run_id in _HELD:
        yield
        return
    while _HELD:  # whatever this process ran before is over
        os.close(_HELD.popitem()[1])
    file = folder / run_id
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o664)
    except OSError:
        yield
        return
    try:
        _lock(descriptor)
        yield
    finally:
        if whole:
            _HELD[run_id] = descriptor
        else:
            with contextlib.suppress(OSError):
                file.unlink()
            os.close(descriptor)


def whole_run(job: Any) -> bool:
    """Whether ``job`` (Dagster's JobDefinition) runs all of its operations in one process."""
    return job.executor_def.name in ("in_process", "execute_in_process_executor")


def fail_dead_runs(instance: Any, folder: Path) -> tuple[str, ...]:
    """Record as failed the runs on ``instance`` (Dagster's) whose process is gone; their ids.

    Called where it matters that a dead run holds up others: when a run starts, and by the daemon now and then.
    """
    import dagster

    try:
        locks = {file.name for file in folder.iterdir()}
    except OSError:
        return ()
    dead = sorted(run_id for run_id in locks if _free(folder / run_id))
    if not dead:
        return ()
    going = (
        dagster.DagsterRunStatus.STARTING,
        dagster.DagsterRunStatus.STARTED,
        dagster.DagsterRunStatus.CANCELING,
    )
    found = []
    for run in instance.get_runs(filters=dagster.RunsFilter(run_ids=dead, statuses=list(going))):
        if PROJECT_TAG in run.tags:
            instance.report_run_failed(run, _SAID)
            found.append(run.run_id)
    for run_id in dead:
        with contextlib.suppress(OSError):
            (folder / run_id).unlink()
    return tuple(found)


class DeadRunsWatch(threading.Thread):
    """Calls `fail_dead_runs` every half a minute until the process ends: a dead run would keep its pool for ever."""

    def __init__(self, instance: Any, folder: Path) -> None:
        super().__init__(daemon=True, name="floe-dead-runs")
        self._instance, self._folder = instance, folder

    def run(self) -> None:
        wait = threading.Event()
        while True:
            try:
                for run_id in fail_dead_runs(self._instance, self._folder):
                    _LOG.warning("run %s is recorded as failed: its process is gone", run_id)
            except Exception as fault:  # the storage is away: others say so
                _LOG.debug("runs cannot be read: %s", type(fault).__name__)
            wait.wait(_EVERY)


def _free(file: Path) -> bool:
    try:
        descriptor = os.open(file, os.O_RDWR)
    except OSError:
        return False
    try:
        return _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Whether this open file has the lock now; never, where the system has no flock(2)."""
    try:
        import fcntl
    except ImportError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
