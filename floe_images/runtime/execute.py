"""One dbt invocation from its start to its end: told to every observer, and handed to whoever runs it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator, Sequence

from floe_images.artifacts.events import Event, Observer, RunStarted
from floe_images.artifacts.model import CompiledArtifacts
from floe_images.runtime.dbt.process import DbtWorker
from floe_images.runtime.dbt.request import DbtRequest
from floe_images.runtime.places import Places


def execute(
    request: DbtRequest,
    *,
    artifacts: CompiledArtifacts,
    observers: Sequence[Observer],
    worker: DbtWorker | None = None,
    places: Places | None = None,
) -> Generator[Event, None, None]:
    """RunStarted, what the worker tells, and one RunFinished at the end; dbt's failures are in it, never raised.

    ``worker`` is one that was started before, so that dbt's imports are under way; it is closed at the end like one
    that is started here. Observers are told before the event is yielded and are not closed.
    """
    target = artifacts.target(request.target)
    adapter = target.adapter if target else ""
    listeners = list(observers)
    with worker or DbtWorker.start(adapter=adapter or None) as running:
        started = RunStarted(
            run_id=request.run_id,
            job=request.job,
            transform=request.transform,
            target=request.target,
            adapter=adapter,
            select=request.select,
            exclude=request.exclude,
            partition=request.partition,
            at=time.time_ns(),
        )
        _tell(started, listeners)
        yield started
        for event in running.run(request, artifacts=artifacts, places=places or Places.of(os.environ)):
            _tell(event, listeners)
            yield event


def _tell(event: Event, listeners: list[Observer]) -> None:
    """An observer that fails is heard once and told no more: no run fails because of who watches it."""
    for observer in tuple(listeners):
        try:
            observer.tell(event)
        except Exception as fault:
            listeners.remove(observer)
            sys.stderr.write(f"floe-runtime: {type(observer).__name__} is told no more: {type(fault).__name__}\n")
