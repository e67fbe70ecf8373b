"""What Jinja sees while a manifest is made: an environment and a clock that are given, and nothing of this machine.

Only reading a project is done this way. A run has the true clock and the container's environment.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

_WEEKEND = 5  # date.weekday of Saturday
# dbt's own names for what no two runs have in common, and for the dictionaries that they lie in, too.
_PASSING = frozenset({"run_started_at", "invocation_id", "context", "builtins"})


@dataclass(kw_only=True)
class Looked:
    """What the project looked at: names of variables; whether at anything that no two runs have in common."""

    names: set[str] = field(default_factory=set)
    passing: bool = False


def another(moment: datetime) -> datetime:
    """A time that has nothing in common with ``moment``: year, month, day, week's end, half of the day, minute."""
    later = moment + timedelta(days=403, hours=13, minutes=31, seconds=31)
    while (later.weekday() >= _WEEKEND) == (moment.weekday() >= _WEEKEND) or later.day == moment.day:
        later += timedelta(days=1)
    return later


@contextmanager
def sealed(environ: Mapping[str, str], *, moment: datetime, last: bool = False) -> Iterator[Looked]:
    """Until the block ends dbt's ``env_var`` knows ``environ`` alone, ``run_started_at`` and ``modules.datetime`` know
    ``moment`` (aware), ``invocation_id`` follows from it, and the filter ``random`` takes the first item, or the
    ``last``. Needs dbt.
    """
    import jinja2.filters
    from dbt.cli import requires
    from dbt.context import base
    from jinja2.runtime import Context

    looked = Looked()
    modules, resolve = base.get_datetime_module_context, Context.resolve_or_missing

    def resolved(self: Context, key: str) -> Any:
        # dbt puts these values into each context: only what a template asks for counts.
        looked.passing |= key in _PASSING
        return resolve(self, key)

    def pick(values: Sequence[Any]) -> Any:
        looked.passing = True
        return values[-1 if last else 0]

    def clocks() -> dict[str, Any]:
        return {**modules(), "date": _date(moment, looked), "datetime": _datetime(moment, looked)}

    changes: tuple[tuple[Any, str, Any], ...] = (
        (requires, "get_env", lambda: _Environment(environ, looked)),
        (base, "get_datetime_module_context", clocks),
        (base, "get_invocation_id", lambda: str(uuid.UUID(int=int(moment.timestamp())))),
        (base, "tracking", SimpleNamespace(active_user=SimpleNamespace(run_started_at=moment))),
        (Context, "resolve_or_missing", resolved),
    )
    before = [(place, name, getattr(place, name)) for place, name, _ in changes]
    choice = jinja2.filters.FILTERS["random"]
    try:
        for place, name, value in changes:
            setattr(place, name, value)
        jinja2.filters.FILTERS["random"] = pick
        yield looked
    finally:
        jinja2.filters.FILTERS["random"] = choice
        for place, name, value in before:
            setattr(place, name, value)


class _Environment(dict[str, str]):
    """``env_var`` asks whether a name is there before it reads it."""

    def __init__(self, values: Mapping[str, str], looked: Looked) -> None:
        super().__init__(values)
        self._looked = looked

    def __contains__(self, name: object) -> bool:
        self._looked.names.add(str(name))
        return super().__contains__(name)


def _date(moment: datetime, looked: Looked) -> type[date]:
    class Date(date):
        def __new__(cls, *given: Any, **named: Any) -> Any:
            return date(*given, **named)

        @classmethod
        def today(cls) -> Any:
            looked.passing = True
            return moment.date()

    return Date


def _datetime(moment: datetime, looked: Looked) -> type[datetime]:
    """As in a container, local time is UTC."""
    naive = moment.astimezone(timezone.utc).replace(tzinfo=None)

    class Datetime(datetime):
        def __new__(cls, *given: Any, **named: Any) -> Any:
            return datetime(*given, **named)

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            looked.passing = True
            return moment.astimezone(tz) if tz else naive

        @classmethod
        def utcnow(cls) -> Any:
            return cls.now()

        @classmethod
        def today(cls) -> Any:
            return cls.now()

    return Datetime
