"""Who is told of a run: the collectors that floe.yaml names, and whoever started the process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from floe_images.artifacts.events import Event, Observer, to_line
from floe_images.artifacts.model import CompiledArtifacts
from floe_images.runtime.places import Places


class EventLines:
    """An observer that writes each event as a line of JSON. Whoever no longer listens is not told any more."""

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | None = stream

    def tell(self, event: Event) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(to_line(event))
            self._stream.flush()
        except (OSError, ValueError):  # a closed pipe, a closed file
            self._stream = None

    def close(self) -> None:
        """The stream is whoever's it was."""


def make_observers(
    artifacts: CompiledArtifacts, places: Places, environ: Mapping[str, str], *, events: TextIO | None
) -> tuple[Observer, ...]:
    """Telemetry's observers, and one that writes lines of events to ``events``.

    A telemetry setting whose secret is not there is no error: it is said at the end, and what is to be sent waits.
    """
    from floe_images.runtime.telemetry import telemetry_observers

    told = telemetry_observers(artifacts, places=places, environ=environ)
    return (*told, EventLines(events)) if events is not None else told
