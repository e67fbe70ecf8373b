"""What the dbt worker is asked to do, as a value and as the JSON that crosses to it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from floe_images.artifacts.codec import decode, encode
from floe_images.artifacts.model import CompiledArtifacts
from floe_images.runtime.places import Places

Command = Literal["build", "freshness", "parse", "export"]


@dataclass(frozen=True, kw_only=True)
class DbtRequest:
    """One dbt invocation.

    ``transform`` is the dbt project's path in the artifacts (``project/transform``). ``select`` and ``exclude`` are
    dbt selections; ``exact`` takes no test that is not selected itself. ``partition`` is a partition's key; ``window``
    its start and end in ISO 8601. ``freshness`` is ``dbt source freshness``; ``parse`` only reads the project.
    ``exports`` are the unique ids of exports in the artifacts that follow a build; ``export`` does only them.
    """

    run_id: str
    job: str
    transform: str
    target: str
    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    exact: bool = False
    full_refresh: bool = False
    partition: str | None = None
    window: tuple[str, str] | None = None
    command: Command = "build"
    exports: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Order:
    """A request with the world it runs in: all that a worker is told."""

    request: DbtRequest
    artifacts: CompiledArtifacts
    places: Places


def to_line(order: Order) -> str:
    """One line of JSON with a final line break."""
    document = {
        "request": dataclasses.asdict(order.request),
        "artifacts": encode(order.artifacts).decode(),
        "places": {name: str(path) for name, path in dataclasses.asdict(order.places).items()},
    }
    return json.dumps(document, separators=(",", ":")) + "\n"


def from_line(line: str) -> Order:
    """What `to_line` wrote. Raise ValueError or ProjectError for anything else."""
    document = json.loads(line)
    try:
        request = document["request"]
        for name in ("select", "exclude", "window", "exports"):
            request[name] = None if request[name] is None else tuple(request[name])
        return Order(
            request=DbtRequest(**request),
            artifacts=decode(document["artifacts"].encode(), where="the worker's order"),
            places=Places(**{name: Path(path) for name, path in document["places"].items()}),
        )
    except (KeyError, TypeError, AttributeError) as fault:
        raise ValueError(f"not an order: {fault}") from None
