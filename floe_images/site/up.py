"""``floe up``: the containers of a composition, until each is healthy; what fails is shown with its last lines."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from floe_images.engine.compose import ComposeProject, ContainerState, as_wanted, check_owner, last_lines, states, up
from floe_images.engine.docker.connect import connect
from floe_images.errors import EngineError, FloeError, ServiceError
from floe_images.progress import Progress
from floe_images.site.changed import renew_readers
from floe_images.site.faults import explain, gone, tell_memory, what_to_do, why_ended
from floe_images.site.restoring import check_whole

_PACE = 0.5  # seconds between two looks
_LINES = 10
_SOUND = ("healthy", "ended")


def bring_up(
    project: ComposeProject,
    *,
    patience: float,
    progress: Progress,
    wait: bool = True,
    first: Sequence[str] = (),
    then: Callable[[], None] | None = None,
) -> tuple[ContainerState, ...]:
    """Start what is not running and, with ``wait``, return when all is healthy; it has ``patience`` seconds.

    With ``then``, the services ``first`` and what prepares their volumes come up before it is called, and the rest
    after it. Nothing of that happens where everything is up already. Raises ServiceError that names what failed and
    shows its last lines, or an unfinished restore; EngineError, and what ``then`` does.
    """
    check_owner(project)
    with connect() as engine:
        check_whole(engine, project.name)
    renew_readers(project, progress)
    if as_wanted(project):
        progress.note("everything is up, as floe.yaml has it")
        return states(project.name)
    with connect() as engine:
        tell_memory(project, engine, progress)
    deadline = time.monotonic() + patience
    if then:
        _start(project, first, deadline, patience, progress)
        then()
        renew_readers(project, progress)  # of what it may have changed
    return _start(project, (), deadline, patience, progress, wait=wait)


def _start(
    project: ComposeProject,
    services: Sequence[str],
    deadline: float,
    patience: float,
    progress: Progress,
    *,
    wait: bool = True,
) -> tuple[ContainerState, ...]:
    """``services`` and their ``-init``, or everything."""
    progress.phase("start")
    starting = _Starting(project, services)
    seen: dict[str, str] = {}
    while True:
        over = starting.over.wait(_PACE)
        try:
            everything = states(project.name)
        except EngineError as error:
            raise gone(error) from error
        found = tuple(state for state in everything if not services or state.service.removesuffix("-init") in services)
        _tell(found, seen, progress)
        if over:
            failed = [state for state in found if state.health in ("failed", "unhealthy", "stopped")]
            # What is being tried again says in the end what it failed of.
            if starting.error and not any(state.health == "restarting" for state in found) and not failed:
                raise explain(starting.error, project)
            if failed:
                raise _failure(failed, progress)
            if found and (not wait or all(state.health in _SOUND for state in found)):
                return found
        if time.monotonic() > deadline:
            late = [state for state in found if state.health not in _SOUND]
            raise _failure(late, progress, waited=patience) if late else EngineError("docker compose does not end")
        if over:
            time.sleep(_PACE)


class _Starting:
    """``docker compose up`` beside whoever looks at what it does."""

    def __init__(self, project: ComposeProject, services: Sequence[str]) -> None:
        self.over = threading.Event()
        self.error: FloeError | None = None
        threading.Thread(target=self._run, args=(project, services), name="compose-up", daemon=True).start()

    def _run(self, project: ComposeProject, services: Sequence[str]) -> None:
        try:
            up(project, services)
        except FloeError as error:
            self.error = error
        except Exception as error:  # a thread's error would be nobody's
            self.error = EngineError(f"docker compose: {type(error).__name__}")
        finally:
            self.over.set()


def _tell(found: Sequence[ContainerState], seen: dict[str, str], progress: Progress) -> None:
    for state in found:
        if seen.get(state.service) != state.health:
            seen[state.service] = state.health
            progress.note(f"{state.service}: {state.health}")


def _failure(failed: Sequence[ContainerState], progress: Progress, *, waited: float | None = None) -> ServiceError:
    for state in failed:
        progress.note(f"the last lines of {state.service}:")
        for line in last_lines(state.id, _LINES):
            progress.note(f"  {line}")
    each = ", ".join(f"{state.service} ({why_ended(state)})" for state in failed)
    late = f"not healthy after {waited:.0f} s" if waited else "did not start"
    return ServiceError(f"{late}: {each}", hint=what_to_do(failed))
