"""The role ``code-server``: loads the definitions and runs what the daemon hands it, over gRPC."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from floe_images.errors import FloeError, ProjectError
from floe_images.runtime.roles.arguments import Arguments, port
from floe_images.runtime.roles.family import end_with_stdin
from floe_images.runtime.roles.health import Note, begin_notes, leave_note, reachable
from floe_images.runtime.roles.start import Start, give_up_after, ignore_signals, listen, start
from floe_images.runtime.roles.workspace import LOCATION, target
from floe_images.runtime.storage import prepare_storage

_LOG = logging.getLogger("floe")
_RUNS_END = 6.0  # seconds for runs to cancel their queries and to record that


def run(arguments: Sequence[str]) -> int:
    """Serve until a signal comes; what runs by then is interrupted, and recorded as that."""
    parser = Arguments("code-server")
    parser.add_argument("--host", default=os.environ.get("FLOE_HOST") or "127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=port, default=4000, help="port to listen on (4000)")
    parser.add_argument("--socket", help="path of a Unix socket to listen on, in place of a port")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with whoever started it")
    options = parser.parse_args(arguments)
    here = start("code-server", os.environ)
    if options.until_stdin_closes:
        end_with_stdin()
    else:
        begin_notes(here.places.scratch, "code-server")
    if options.socket is None:
        listen(options.host, options.port).close()
    try:
        _load()
        _serve(here, options.host, None if options.socket else options.port, options.socket)
    except KeyboardInterrupt:
        ignore_signals()
    return 0


def _load() -> None:
    """Load the definitions once, before the server does: its own fault would be a traceback."""
    from importlib import import_module

    try:
        import_module(LOCATION)
    except FloeError:
        raise
    except Exception as fault:
        _LOG.debug("loading failed", exc_info=True)
        said = str(fault).strip().splitlines()[:1]
        raise ProjectError(
            f"the definitions cannot be loaded: {': '.join([type(fault).__name__, *said])}",
            hint="floe-runtime doctor says more",
        ) from fault


def _serve(here: Start, host: str, number: int | None, socket: str | None) -> None:
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
    from dagster._core.utils import FuturesAwareThreadPoolExecutor
    from dagster._grpc.server import DagsterApiServer, DagsterGrpcServer

    prepare_storage(here.places, os.environ)
    ended = threading.Event()
    logger = logging.getLogger("dagster.code_server")
    logger.setLevel(logging.WARNING)
    executor = FuturesAwareThreadPoolExecutor()
    servicer = DagsterApiServer(
        server_termination_event=ended,
        logger=logger,
        server_threadpool_executor=executor,
        loadable_target_origin=LoadableTargetOrigin(executable_path=sys.executable, module_name=LOCATION),
        location_name=here.artifacts.name,
    )
    server = DagsterGrpcServer(
        server_termination_event=ended,
        dagster_api_servicer=servicer,
        logger=logger,
        threadpool_executor=executor,
        host=host,
        port=number,
        socket=socket,
    )
    address = f"unix:{socket}" if socket else reachable(host, number or 0)
    serving = threading.Thread(target=server.serve, name="floe-code-server", daemon=True)
    serving.start()
    leave_note(here.places.scratch, Note(role="code-server", pid=os.getpid(), kind="grpc", address=address))
    _LOG.info("serving %s on %s", here.artifacts.name, socket or f"{host}:{number}")
    try:
        serving.join()
    except KeyboardInterrupt:
        ignore_signals()
        give_up_after(_RUNS_END + 1.5, _kill_runs)
        _end_runs(address, here.artifacts.name)
        ended.set()
        serving.join()


def _kill_runs() -> None:
    from multiprocessing import active_children

    for each in active_children():
        each.kill()


def _end_runs(address: str, name: str) -> None:
    """Interrupt every run of this server, and wait until they have recorded it."""
    from dagster._grpc.types import CancelExecutionRequest, GetCurrentRunsResult
    from dagster._serdes import deserialize_value

    client: Any = target(address, name).create_origins()[0].create_client()

    deadline = time.monotonic() + _RUNS_END
    asked: set[str] = set()
    while time.monotonic() < deadline:
        runs = set(deserialize_value(client.get_current_runs(), GetCurrentRunsResult).current_runs)
        for run_id in runs - asked:
            _LOG.warning("run %s is interrupted: this server ends", run_id)
            client.cancel_execution(CancelExecutionRequest(run_id=run_id))
            asked.add(run_id)
        if not runs:
            return
        time.sleep(0.2)
