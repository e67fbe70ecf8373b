"""The role ``run``: the pipeline once, recorded in Dagster's storage; the exit code says how it went."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from floe_images.artifacts.events import Observer, Outcome
from floe_images.errors import (
    CancelledError,
    InfrastructureError,
    ModelsFailedError,
    ProjectError,
    TestsFailedError,
    UsageError,
)
from floe_images.runtime.manifests import manifest_path
from floe_images.runtime.node_lines import NodeLines
from floe_images.runtime.observers import make_observers
from floe_images.runtime.roles.arguments import Arguments
from floe_images.runtime.roles.family import end_with_stdin
from floe_images.runtime.roles.start import start

EXIT_CODES: dict[Outcome, int] = {
    "success": 0,
    "tests_failed": TestsFailedError.exit_code,
    "models_failed": ModelsFailedError.exit_code,
    "configuration": ProjectError.exit_code,
    "infrastructure": InfrastructureError.exit_code,
    "interrupted": CancelledError.exit_code,
}


def run(arguments: Sequence[str]) -> int:
    """The outcome's exit code. With ``--events`` stdout is events as JSON lines, else a line for each finished node."""
    parser = Arguments("run")
    parser.add_argument("--target", help="one of floe.yaml's targets, else FLOE_TARGET or the default one")
    parser.add_argument(
        "--select", action="extend", nargs="+", default=[], metavar="SELECTION", help="dbt's; may be repeated"
    )
    parser.add_argument(
        "--exclude", action="extend", nargs="+", default=[], metavar="SELECTION", help="dbt's; may be repeated"
    )
    parser.add_argument("--full-refresh", action="store_true", help="build incremental models anew")
    parser.add_argument("--events", action="store_true", help="write events to stdout, one JSON document a line")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with whoever started it")
    options = parser.parse_args(arguments)
    for name in ("select", "exclude"):
        if not all(each.strip() for each in getattr(options, name)):
            raise UsageError(f"--{name} is empty", hint="leave it out to run everything")
    if options.target:
        os.environ["FLOE_TARGET"] = options.target
    here = start("run", os.environ)
    if options.until_stdin_closes:
        end_with_stdin()
    # The worker first: dbt takes as long to import as Dagster does, and they need not wait for one another.
    from floe_images.runtime.dbt.process import DbtWorker

    target = here.artifacts.target(here.target)
    assert target
    manifests = [manifest_path(here.places.home, target.name, each.path) for each in here.artifacts.transforms]
    with DbtWorker.start(adapter=target.adapter, manifest=next(iter(manifests), None)) as worker:
        from floe_images.runtime.assets.run import run_pipeline
        from floe_images.runtime.storage import prepare_storage

        prepare_storage(here.places, os.environ)
        told = make_observers(here.artifacts, here.places, os.environ, events=sys.stdout if options.events else None)
        observers: tuple[Observer, ...] = (
            told if options.events else (*told, NodeLines(as_json=os.environ.get("FLOE_LOG") == "json"))
        )
        try:
            outcome = run_pipeline(
                here.artifacts,
                places=here.places,
                target=here.target,
                select=tuple(options.select),
                exclude=tuple(options.exclude),
                full_refresh=options.full_refresh,
                observers=observers,
                worker=worker,
            )
        finally:
            for observer in observers:
                observer.close()
    return EXIT_CODES[outcome]
