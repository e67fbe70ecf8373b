"""The role ``webserver``: Dagster's UI and GraphQL, on one port; ``dev`` is the same with a daemon beside it."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Sequence
from types import FrameType

from floe_images.runtime.roles.arguments import Arguments, address, port
from floe_images.runtime.roles.family import Family, code_server, end_with_stdin, wait_for
from floe_images.runtime.roles.health import Note, begin_notes, leave_note, reachable
from floe_images.runtime.roles.start import Start, ignore_signals, listen, start
from floe_images.runtime.roles.workspace import workspace
from floe_images.runtime.storage_pool import try_before_use

_LOG = logging.getLogger("floe")


def run(arguments: Sequence[str], *, daemon: bool = False) -> int:
    """Serve until a signal comes. 0, or the exit code of a child that ended by itself."""
    role = "dev" if daemon else "webserver"
    parser = Arguments(role)
    parser.add_argument("--host", default=os.environ.get("FLOE_HOST") or "127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=port, default=3000, help="port to listen on (3000)")
    if not daemon:
        parser.add_argument("--code-server", type=address, metavar="HOST:PORT", help="whose assets to show")
        parser.add_argument("--until-stdin-closes", action="store_true", help="end with whoever started it")
    options = parser.parse_args(arguments)
    here = start(role, os.environ)
    if daemon:
        # A laptop is asked before it runs something by itself: schedules wait until they are switched on.
        os.environ.setdefault("FLOE_SCHEDULES", "off")
    with Family() as family:
        try:
            bound = listen(options.host, options.port)
            given = None if daemon else options.code_server
            if not daemon and options.until_stdin_closes:
                end_with_stdin()
            begin_notes(here.places.scratch, "webserver")
            at = code_server(family, given, role=role, scratch=here.places.scratch)
            if daemon:
                family.start("daemon", "--code-server", at)
            _serve(here, bound, at, family, ours=given is None)
        except KeyboardInterrupt:
            ignore_signals()
    return family.code


def _serve(here: Start, bound: socket.socket, at: str, family: Family, *, ours: bool) -> None:
    import uvicorn
    from dagster_webserver.app import create_app_from_workspace_process_context
    from dagster_webserver.version import __version__

    class Server(uvicorn.Server):  # type: ignore[misc]
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            family.begin_to_end()
            super().handle_exit(sig, frame)

    host, number = bound.getsockname()[:2]
    wait_for(at, ours=ours)
    try_before_use()
    with workspace(at, name=here.artifacts.name, version=__version__, places=here.places, web=True) as context:
        app = create_app_from_workspace_process_context(context, live_data_poll_rate=2000)
        # A browser holds its connection open as long as it likes: it is waited for, but not long.
        config = uvicorn.Config(
            app, log_config=None, log_level="warning", access_log=False, timeout_graceful_shutdown=2
        )
        leave_note(
            here.places.scratch,
            Note(role="webserver", pid=os.getpid(), kind="http", address=reachable(host, number)),
        )
        _LOG.info("serving on http://%s:%d", host, number)
        Server(config).run(sockets=[bound])
