"""A run's events, made whole for those who tell pairs: every end has its beginning, and every beginning its end."""

from __future__ import annotations

from collections.abc import Iterator

from floe_images.artifacts.events import Event, NodeFinished, NodeStarted, RunFinished, RunStarted


class Tidy:
    """A node that was skipped begins when it ends; one that the run's end overtook has failed with it."""

    def __init__(self) -> None:
        self._under_way: dict[str, int] = {}

    def __call__(self, event: Event) -> Iterator[Event]:
        if isinstance(event, RunStarted):
            self._under_way.clear()
        elif isinstance(event, NodeStarted):
            self._under_way[event.unique_id] = event.at
        elif isinstance(event, NodeFinished):
            if self._under_way.pop(event.unique_id, None) is None:
                yield NodeStarted(unique_id=event.unique_id, at=event.started_at)
        elif isinstance(event, RunFinished):
            for unique_id, started_at in self._under_way.items():
                yield _overtaken(unique_id, started_at, event)
            self._under_way.clear()
        yield event


def _overtaken(unique_id: str, started_at: int, end: RunFinished) -> NodeFinished:
    """dbt's ids are ``type.package.name``, a test's with a hash after that."""
    parts = unique_id.split(".")
    return NodeFinished(
        unique_id=unique_id,
        resource_type=parts[0],
        name=parts[2] if len(parts) > 2 else unique_id,
        status="error",
        started_at=started_at,
        at=max(end.at, started_at),
        rows=None,
        failures=None,
        columns=(),
        relation=None,
        sql=None,
        message=f"the run ended before it did: {end.outcome}",
    )
