"""Docker compose behind a narrow door: a project of files comes up, is looked at, and goes down.

Changing goes through python-on-whales, which runs ``docker compose``; looking goes over the engine's API, which takes
milliseconds.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from floe_images.engine.docker.connect import Engine, connect, engine_errors, refused
from floe_images.errors import EngineError, ServiceError, UsageError

if TYPE_CHECKING:
    from python_on_whales import DockerClient

ORDER = "order"
_PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"
_FOLDER = "com.docker.compose.project.working_dir"
_HASH = "com.docker.compose.config-hash"
_ERASE = "\x1b[2K"  # compose writes it before lines even where there is no terminal
_LINE = 500  # characters of what compose says that go into a message

Health = Literal["healthy", "starting", "unhealthy", "ended", "stopped", "failed", "restarting", "created", "running"]


@dataclass(frozen=True, kw_only=True)
class ContainerState:
    """One container as the engine has it. ``ended``: with 0, as what runs once does; ``stopped``: with 0, and it should
    serve; ``failed``: with anything else, for good; ``restarting``: it failed, and the engine tries again;
    ``running``: it has no health check. ``memory`` is its limit in bytes, ``out_of_memory``: it wanted more."""

    service: str
    id: str
    health: Health
    exit_code: int
    out_of_memory: bool
    memory: int
    ports: tuple[tuple[str, int, int], ...]  # (address, port of the machine, port of the container)


@dataclass(frozen=True, kw_only=True)
class ComposeProject:
    """``files`` are compose files of one project; ``name`` is what its containers are found by.

    What a file has in the folder `ORDER` beside it, under its own name, goes with it: what it waits for in other files.
    """

    name: str
    files: tuple[Path, ...]

    @property
    def given(self) -> list[Path]:
        """All that compose is given; it takes paths as seen from the first one."""
        order = (file.parent / ORDER / file.name for file in self.files)
        return [*self.files, *(file for file in order if file.is_file())]


def up(project: ComposeProject, services: Sequence[str] = ()) -> None:
    """Create what is missing, start what is not running, leave alone what is as it should be; never pulls.

    ``services`` and what they need; none: all. Returns when everything has been started. Raises EngineError with
    compose's own last line.
    """
    with _client(project) as client:
        # An empty list would mean none of them.
        wanted = list(services) or None
        client.compose.up(wanted, detach=True, quiet=True, pull="never", remove_orphans=not services, color=False)


def as_wanted(project: ComposeProject) -> bool:
    """Whether every container is there as the files have it, of the image that its reference stands for now, and well.

    ``docker compose up`` would start again what has run to its end. Raises EngineError.
    """
    with _client(project) as client, connect() as engine:
        start = [str(each) for each in client.compose.docker_compose_cmd]
        said = subprocess.run([*start, "config", "--hash", "*"], capture_output=True, text=True, check=False)
        wanted = dict(line.split() for line in said.stdout.splitlines())
        api = engine.client.api
        with engine_errors(f"looking at the containers of {project.name}"):
            found = api.containers(all=True, filters={"label": f"{_PROJECT}={project.name}"})
            there = {each["Labels"][_SERVICE]: each for each in found}
            if said.returncode or there.keys() != wanted.keys() or len(found) != len(there):
                return False
            for service, each in there.items():
                image = api.inspect_container(each["Id"])["Config"]["Image"]
                same = api.inspect_image(image)["Id"] == each["ImageID"]  # type: ignore[no-untyped-call]
                if not same or each["Labels"][_HASH] != wanted[service]:
                    return False
        return all(state.health in ("healthy", "ended") for state in _states(engine, project.name))


def check_owner(project: ComposeProject) -> None:
    """Raises ServiceError where the engine has containers of this name that another folder's floe.yaml made, which is
    still there; EngineError."""
    if not project.files:
        return
    ours = project.files[0].parent
    with connect() as engine, engine_errors(f"looking at the containers of {project.name}"):
        found = engine.client.api.containers(all=True, filters={"label": f"{_PROJECT}={project.name}"})
    for each in found:
        theirs = Path(each["Labels"].get(_FOLDER) or ours)
        with contextlib.suppress(OSError):  # a project that was moved away from there
            if not theirs.samefile(ours):
                raise ServiceError(
                    f"the platform {project.name} that is here is another folder's: {theirs}",
                    hint="give one of the two another name in floe.yaml, or `floe down` there",
                )


def down(project: ComposeProject, *, volumes: bool) -> None:
    """Stop and remove containers and networks, with ``volumes`` those too. Raises EngineError."""
    with _client(project) as client:
        client.compose.down(volumes=volumes, remove_orphans=True, quiet=True)


def states(name: str) -> tuple[ContainerState, ...]:
    """The containers of the project ``name``, by service. Raises EngineError where no engine answers."""
    with connect() as engine:
        return _states(engine, name)


def _states(engine: Engine, name: str) -> tuple[ContainerState, ...]:
    api = engine.client.api
    found = {}
    with engine_errors(f"looking at the containers of {name}"):
        listed = api.containers(all=True, filters={"label": f"{_PROJECT}={name}"})
        # While compose makes a container anew, a service has two: the younger one counts.
        for each in sorted(listed, key=lambda each: each["Created"]):
            with contextlib.suppress(_not_found()):
                state = _state(each, api.inspect_container(each["Id"]))
                found[state.service] = state
    return tuple(found[service] for service in sorted(found))


def _not_found() -> type[Exception]:
    import docker.errors

    return docker.errors.NotFound


def _state(listed: dict[str, Any], inspected: dict[str, Any]) -> ContainerState:
    state = inspected["State"]
    code = int(state["ExitCode"])
    health: Health
    if state["Status"] == "created":
        health = "created"
    elif state["Status"] == "restarting" or (inspected["RestartCount"] and _health(state) == "starting"):
        health = "restarting"
    elif state["Status"] in ("exited", "dead"):
        once = inspected["HostConfig"]["RestartPolicy"]["Name"] in ("", "no")
        health = "failed" if code else "ended" if once else "stopped"
    else:
        health = _health(state)
    ports = {
        (binding["HostIp"], int(binding["HostPort"]), int(inner.partition("/")[0]))
        for inner, bindings in (inspected["NetworkSettings"]["Ports"] or {}).items()
        for binding in bindings or ()
    }
    return ContainerState(
        service=listed["Labels"][_SERVICE],
        id=listed["Id"],
        health=health,
        exit_code=code,
        out_of_memory=bool(state.get("OOMKilled")),
        memory=int(inspected["HostConfig"]["Memory"] or 0),
        ports=tuple(sorted(ports)),
    )


def _health(state: dict[str, Any]) -> Literal["healthy", "starting", "unhealthy", "running"]:
    found = state.get("Health", {}).get("Status", "running")
    return found if found in ("healthy", "starting", "unhealthy") else "running"


def last_lines(container: str, count: int) -> tuple[str, ...]:
    """The end of a container's log. Raises EngineError."""
    with connect() as engine, engine_errors("reading a container's log"):
        text: bytes = engine.client.api.logs(container, tail=count)
    return tuple(text.decode("utf-8", "replace").splitlines())


def logs(project: ComposeProject, services: Sequence[str], *, follow: bool, tail: int | None) -> Iterator[str]:
    """Lines as they come, each with its container's name before it. Raises EngineError."""
    with _client(project) as client:
        stream = client.compose.logs(
            list(services), follow=follow, tail=None if tail is None else str(tail), stream=True
        )
        for _, chunk in stream:
            yield chunk.decode("utf-8", "replace").rstrip("\n").removeprefix(_ERASE)


def execute(project: ComposeProject, service: str, command: Sequence[str], *, tty: bool) -> int:
    """Run a command in a container that runs, on this process' own streams; its exit code. Raises EngineError."""
    with _client(project) as client:
        start = [str(each) for each in client.compose.docker_compose_cmd]
    # python-on-whales would keep what the command says until it has ended.
    return subprocess.run([*start, "exec", *([] if tty else ["-T"]), service, *command], check=False).returncode


@contextlib.contextmanager
def _client(project: ComposeProject) -> Iterator[DockerClient]:
    """python-on-whales' exceptions carry the whole command and all output: only compose's last line goes on."""
    from python_on_whales import DockerClient
    from python_on_whales.exceptions import DockerException

    try:
        client = DockerClient(compose_files=[*project.given], compose_project_name=project.name)
        if not client.compose.is_installed():
            raise EngineError("docker compose is not installed", hint="`floe doctor` says how to get it")
        yield client
    except DockerException as error:
        found = refused("docker compose", _said(error))
        found.hint = found.hint or "`floe logs` shows what the services say"
        raise found from None
    except FileNotFoundError:
        raise UsageError("the program docker is not there", hint="`floe doctor` says how to get it") from None


def _said(error: Any) -> str:
    lines = [line.strip() for line in (error.stderr or "").splitlines() if line.strip()]
    return (lines[-1] if lines else f"ended with {error.return_code}")[:_LINE]
