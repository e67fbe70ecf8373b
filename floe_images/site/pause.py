"""A platform that stands still for a while: no run is cut short unaskedly, and all that ran is started again."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from floe_images.engine.compose import ComposeProject, ContainerState, states
from floe_images.engine.docker.ask import ask, start, stop
from floe_images.engine.docker.connect import Engine
from floe_images.errors import EngineError, ServiceError
from floe_images.plan.places import INTERPRETER
from floe_images.progress import Progress
from floe_images.site.profiles import as_it_was
from floe_images.site.up import bring_up

PATIENCE = 300.0  # seconds until all is healthy again
_PACE = 2.0  # seconds between two looks at the runs
RUNS = ("healthy", "starting", "unhealthy", "restarting", "running")
_DAEMON, _WEB = "daemon", "webserver"
_ORDER = (_DAEMON, _WEB, "code-server")  # whoever starts runs, whoever asks for them, whoever does them
_SHOWN = 5
_QUESTION = "{runsOrError(filter:{statuses:[STARTING,STARTED,CANCELING]}){... on Runs{results{runId jobName}}}}"
# The image has no curl. Where Dagster's answer is no list of runs, this ends with a KeyError.
_PROGRAM = f"""
import json, urllib.request
body = json.dumps({{"query": {_QUESTION!r}}}).encode()
asked = urllib.request.Request("http://127.0.0.1:3000/graphql", body, {{"content-type": "application/json"}})
found = json.load(urllib.request.urlopen(asked, timeout=20))["data"]["runsOrError"]["results"]
print(json.dumps([[each["runId"], each["jobName"]] for each in found]))
"""

# What somebody runs by `floe exec` is not Dagster's from its first second to its last.
_PROCESSES = """
import json, os
found = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = [os.path.basename(each.decode(errors="replace")) for each in file.read().split(b"\\0")]
    except OSError:
        continue
    role = words[words.index("floe-runtime") + 1 :][:1] if "floe-runtime" in words[:3] else []
    if role and role[0] in ("run", "dbt", "maintain"):
        found.append([pid, role[0]])
print(json.dumps(found))
"""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What becomes of runs that are under way: they are waited for, ``wait`` seconds at most, or ``interrupt``-ed."""

    wait: float = 0
    interrupt: bool = False


@contextlib.contextmanager
def standing_still(project: ComposeProject, engine: Engine, pace: Pace, progress: Progress) -> Iterator[None]:
    """Nothing of ``project`` runs in the block: Dagster was stopped first, the services after it, each by its own way
    to end. What ran is started again and waited for, whatever happened in the block.

    Raises ServiceError where runs are under way, or where something does not come up again; EngineError.
    """
    found = states(project.name)
    running = [state for state in found if state.health in RUNS]
    if not running:
        yield
        return
    with drained(found, engine, pace, progress):
        try:
            progress.phase("stop")
            for state in sorted(running, key=_rank):
                stop(engine, state.id)
            yield
        finally:
            bring_up(as_it_was(project, found), patience=PATIENCE, progress=progress)


def _rank(state: ContainerState) -> tuple[int, str]:
    return (_ORDER.index(state.service) if state.service in _ORDER else len(_ORDER), state.service)


@contextlib.contextmanager
def drained(found: Sequence[ContainerState], engine: Engine, pace: Pace, progress: Progress) -> Iterator[None]:
    """No run is under way when the block begins, and the daemon begins none in it; it runs again where the block fails.

    Raises ServiceError where runs are under way, or where Dagster cannot be asked; EngineError.
    """
    if pace.interrupt or not any(state.service == "code-server" and state.health in RUNS for state in found):
        yield
        return
    if not pace.wait:
        _refuse(_under_way(found, engine))
    daemon = [state.id for state in found if state.service == _DAEMON and state.health in RUNS]
    try:
        for each in daemon:
            stop(engine, each)
        _wait(found, engine, pace.wait, progress)
        yield
    except BaseException:
        for each in daemon:
            with contextlib.suppress(Exception):  # what went wrong first is what is said
                start(engine, each)
        raise


def _wait(found: Sequence[ContainerState], engine: Engine, wait: float, progress: Progress) -> None:
    deadline, told = time.monotonic() + wait, ""
    while runs := _under_way(found, engine):
        if time.monotonic() >= deadline:
            _refuse(runs)
        if _named(runs) != told:
            told = _named(runs)
            progress.note(f"waiting for {told}; no new run begins meanwhile")
        time.sleep(_PACE)


def _refuse(runs: Sequence[tuple[str, str]]) -> None:
    if runs:
        raise ServiceError(
            f"under way: {_named(runs)}",
            hint="`--wait SECONDS` waits for it, `--interrupt-runs` ends it: Dagster then has it as failed",
        )


def _named(runs: Sequence[tuple[str, str]]) -> str:
    more = f" and {len(runs) - _SHOWN} more" if len(runs) > _SHOWN else ""
    return ", ".join(f"run {run} ({job})" for run, job in runs[:_SHOWN]) + more


def _under_way(found: Sequence[ContainerState], engine: Engine) -> tuple[tuple[str, str], ...]:
    """(run's ID, job) of what Dagster has as under way, and the like of what is run by hand in a container."""
    web = next((state.id for state in found if state.service == _WEB and state.health == "healthy"), None)
    code, said = ask(engine, web, (INTERPRETER, "-I", "-c", _PROGRAM)) if web else (1, "")
    if code:
        raise ServiceError(
            "Dagster does not say whether runs are under way",
            hint="`floe status` shows how its webserver is; `--interrupt-runs` goes on without asking",
        )
    runs = [(str(run), str(job)) for run, job in json.loads(said)]
    if runs:
        return tuple(runs)
    for state in found:
        if state.service not in _ORDER or state.health not in RUNS:
            continue
        code, said = 1, ""
        with contextlib.suppress(EngineError):  # a container that has been stopped meanwhile runs nothing
            code, said = ask(engine, state.id, (INTERPRETER, "-I", "-c", _PROCESSES))
        if code == 0:
            runs += [(f"of process {pid}", f"floe-runtime {role} in {state.service}") for pid, role in json.loads(said)]
    return tuple(runs)
