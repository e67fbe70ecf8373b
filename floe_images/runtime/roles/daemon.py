"""The role ``daemon``: Dagster's schedules, sensors and queue of runs."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from floe_images.runtime.roles.arguments import Arguments, address
from floe_images.runtime.roles.family import Family, code_server, end_with_stdin, wait_for
from floe_images.runtime.roles.health import Note, begin_notes, leave_note
from floe_images.runtime.roles.start import Start, ignore_signals, start
from floe_images.runtime.roles.workspace import workspace

_LOG = logging.getLogger("floe")
_NOTHING_NEW = re.compile(
    r"Checking for new runs for|No run requests returned for|(?:Sensor|Schedule) \S+ skipped:|Evaluating schedule"
)
_BEAT = 10.0  # seconds between two looks at the daemons' heartbeats, which they post every 30
_TOLERATED = 300.0  # a daemon that asks the warehouse for a sensor is silent for as long as that takes


def run(arguments: Sequence[str]) -> int:
    """Work until a signal comes. 0, or the exit code of a child that ended by itself."""
    parser = Arguments("daemon")
    parser.add_argument("--code-server", type=address, metavar="HOST:PORT", help="whose schedules to run")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with whoever started it")
    options = parser.parse_args(arguments)
    here = start("daemon", os.environ)
    with Family() as family:
        try:
            if options.until_stdin_closes:
                end_with_stdin()
            else:
                begin_notes(here.places.scratch, "daemon")
            at = code_server(family, options.code_server, role="daemon", scratch=here.places.scratch)
            _work(here, at, family, ours=at.startswith("unix:"))
        except KeyboardInterrupt:
            ignore_signals()
    return family.code


def _work(here: Start, at: str, family: Family, *, ours: bool) -> None:
    from dagster import __version__
    from dagster._daemon.controller import DagsterDaemonController, create_daemons_from_instance

    from floe_images.runtime.assets.alive import DeadRunsWatch, lock_folder
    from floe_images.runtime.assets.pools import prepare_pools

    wait_for(at, ours=ours)
    for name in ("SensorDaemon", "SchedulerDaemon"):
        logging.getLogger(f"dagster.daemon.{name}").addFilter(_tells_something)
    with workspace(at, name=here.artifacts.name, version=__version__, places=here.places, web=False) as context:
        daemons = create_daemons_from_instance(context.instance)
        with DagsterDaemonController(context, daemons) as controller:
            _Heartbeat(context.instance, [each.daemon_type() for each in daemons], here.places.scratch).start()
            prepare_pools(context.instance, here.artifacts)
            DeadRunsWatch(context.instance, lock_folder(here.places.state)).start()
            _LOG.info("schedules, sensors and queued runs are looked after")
            try:
                controller.check_daemon_loop()
            except KeyboardInterrupt:
                family.begin_to_end()
                raise


def _tells_something(record: logging.LogRecord) -> bool:
    """A look that found nothing is three lines, every half minute, for each sensor; the UI shows them as ticks."""
    return record.levelno > logging.INFO or not _NOTHING_NEW.match(record.getMessage())


class _Heartbeat(threading.Thread):
    """Rewrites a file with the names of the daemons that are silent; the health check looks at its time and text."""

    def __init__(self, instance: Any, types: list[str], scratch: Path) -> None:
        super().__init__(daemon=True, name="floe-heartbeat")
        self._instance, self._types, self._scratch = instance, types, scratch
        self._file = scratch / "floe-health" / "daemon.beat"

    def run(self) -> None:
        wait = threading.Event()
        noted = False
        while True:
            try:
                silent = self._silent()
            except Exception as fault:  # the storage is away: that is what the health check is to say
                silent = f"its storage cannot be read ({type(fault).__name__})"
            if not noted and not silent:
                note = Note(role="daemon", pid=os.getpid(), kind="beat", address=str(self._file), within=60)
                self._file.parent.mkdir(mode=0o700, exist_ok=True)
                self._file.write_text("", encoding="utf-8")
                leave_note(self._scratch, note)
                noted = True
            elif noted:
                self._file.write_text(silent, encoding="utf-8")
            wait.wait(_BEAT if noted else 1.0)

    def _silent(self) -> str:
        from dagster._daemon.controller import get_daemon_statuses

        found = get_daemon_statuses(
            self._instance, self._types, ignore_errors=True, heartbeat_tolerance_seconds=_TOLERATED
        )
        silent = sorted(name.lower() for name, status in found.items() if not status.healthy)
        return f"no heartbeat of {', '.join(silent)}" if silent else ""
