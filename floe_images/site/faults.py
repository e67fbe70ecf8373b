"""What a machine does to a platform that comes up, in one line each: ports, memory, the disk, the clock, the engine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

from floe_images.engine.compose import ComposeProject, ContainerState
from floe_images.engine.docker.connect import Engine, engine_errors
from floe_images.errors import EngineError, FloeError, ServiceError
from floe_images.progress import Progress

# "Bind for 127.0.0.1:3000 failed: port is already allocated", by another container; and of others, by the engine's
# version: "listen tcp4 127.0.0.1:3000: bind: address already in use", "failed to bind host port 127.0.0.1:3000/tcp: …".
_TAKEN = re.compile(r":(\d+)(?:/tcp)?(?: failed)?: (?:bind: )?(?:port is already allocated|address already in use)")
_SETTINGS = {("lake", 8333): "services.lake.s3_port"}
_MEMORY = re.compile(r"(\d+)m")
_APART = 300.0  # seconds between two clocks that are still the same


def explain(error: FloeError, project: ComposeProject) -> FloeError:
    """``error`` of ``docker compose up``, or what a person can do about it."""
    taken = _TAKEN.search(error.message)
    if not taken:
        return error
    port = int(taken[1])
    for service, settings in _services(project):
        for published in settings.get("ports", ()):
            _, outer, inner = published.rsplit(":", 2)
            if int(outer) == port:
                return ServiceError(
                    f"port {port} of this machine is taken, and {service} wants it", hint=_other(service, int(inner))
                )
    return ServiceError(f"port {port} of this machine is taken")


def _other(service: str, inner: int) -> str:
    if service == "webserver":
        return "`floe up --port NUMBER` takes another one"
    return f"{_SETTINGS.get((service, inner), f'services.{service}.port')} in floe.yaml names another one"


def gone(error: EngineError) -> EngineError:
    """Where the engine answered before, and does so no more."""
    return EngineError(
        f"the container engine went away while the platform came up ({error.message})",
        hint="start it, and `floe up` goes on where it was",
    )


def why_ended(state: ContainerState) -> str:
    """For a message: how a container is that should be well."""
    if state.out_of_memory:
        return f"the kernel killed it: it wants more memory than its {state.memory >> 20} MiB"
    return f"exit code {state.exit_code}" if state.health == "failed" else state.health


def what_to_do(failed: Sequence[ContainerState]) -> str:
    """A hint for containers that are not well."""
    short = next((state.service for state in failed if state.out_of_memory), None)
    if short in ("code-server", "daemon", "webserver"):
        return "what it is given is fixed: let runs do less at once"
    if short:
        return f"services.{short}.memory in floe.yaml gives it more"
    return "mend what its last lines say, then `floe up` again; `floe logs` shows all of them"


def tell_memory(project: ComposeProject, engine: Engine, progress: Progress) -> None:
    """A note where all containers at their limits need more memory than the machine has. Raises EngineError."""
    with engine_errors("asking the engine about its machine"):
        there = int(engine.client.api.info().get("MemTotal") or 0)
    wanted = sum(
        int(found[1]) << 20
        for _, settings in _services(project)
        if settings.get("restart") != "no" and (found := _MEMORY.fullmatch(str(settings.get("mem_limit"))))
    )
    if there and wanted > there:
        progress.note(
            f"the containers may take {wanted / 1e9:.1f} GB of memory together, and the engine's machine has "
            f"{there / 1e9:.1f} GB: the kernel may kill what is largest"
        )


def check_clocks(engine: Engine, made: datetime, progress: Progress) -> None:
    """Raises ServiceError where this machine's clock, or that of the engine's, shows a time before ``made``, when
    floe.lock was; EngineError. A note where the two differ."""
    with engine_errors("asking the engine about its clock"):
        said = str(engine.client.api.info().get("SystemTime") or "")
    here = datetime.now(timezone.utc)
    clocks = {"this machine": here, "the container engine": _time(said) or here}
    for whose, clock in clocks.items():
        if clock < made:
            raise ServiceError(
                f"the clock of {whose} shows {_text(clock)}, and floe.lock was made for {_text(made)}",
                hint="set the clock: tokens and certificates would be refused",
            )
    if abs((clocks["the container engine"] - here).total_seconds()) > _APART:
        progress.note(f"the clocks differ: {', '.join(f'{whose} has {_text(at)}' for whose, at in clocks.items())}")


def _time(text: str) -> datetime | None:
    """RFC 3339 with nanoseconds, which Python before 3.11 does not take."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    return datetime.fromisoformat(found[1] + found[2].replace("Z", "+00:00")) if found else None


def _text(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def _services(project: ComposeProject) -> Iterator[tuple[str, dict[str, Any]]]:
    import yaml

    for file in project.files:
        yield from yaml.safe_load(file.read_bytes())["services"].items()
