"""Which partitions a model asks for, as a value: dbt's microbatch settings, or ``meta.floe.partitions``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

from floe_images.errors import ProjectError

Every = Literal["hour", "day", "week", "month", "year"]
_EVERY = ("hour", "day", "week", "month", "year")
_KEYS = {"every", "start", "timezone"}


@dataclass(frozen=True, kw_only=True)
class Windows:
    """One partition for each hour, day, week (from Monday), month or year since ``start`` in ``timezone`` (IANA)."""

    every: Every
    start: datetime
    timezone: str


def windows_of(node: Mapping[str, Any]) -> Windows | None:
    """The partitions of a node of dbt's manifest. Raise ProjectError for settings that are none.

    Microbatch: https://docs.getdbt.com/docs/build/incremental-microbatch (``batch_size`` and ``begin``, in UTC).
    """
    config = node.get("config") or {}
    meta = config.get("meta") or node.get("meta") or {}
    floe = meta.get("floe") if isinstance(meta, Mapping) else None
    asked = floe.get("partitions") if isinstance(floe, Mapping) else None
    where = str(node.get("original_file_path", node.get("unique_id", "")))
    if asked is not None:
        return _asked(asked, where)
    if config.get("incremental_strategy") == "microbatch" and config.get("materialized") == "incremental":
        return Windows(
            every=_every(config.get("batch_size"), "batch_size", where),
            start=_start(config.get("begin"), "begin", where),
            timezone="UTC",
        )
    return None


def common_windows(nodes: Iterable[Mapping[str, Any]]) -> Windows | None:
    """The windows that all partitioned nodes of a project share, since one dbt invocation is for one of them.

    They are the longest that any node asks for, from the earliest start: dbt cuts a window into a microbatch model's
    own batches. None where no node asks. Raise ProjectError for weeks beside months, or for two time zones.
    """
    asked = [(windows, str(node.get("original_file_path", ""))) for node in nodes if (windows := windows_of(node))]
    if not asked:
        return None
    longest, where = max(asked, key=lambda each: _EVERY.index(each[0].every))
    every = {windows.every for windows, _ in asked}
    for windows, file in asked:
        if windows.timezone != longest.timezone:
            raise ProjectError(
                f"partitions in {windows.timezone}, while {where} has them in {longest.timezone}",
                where=file,
                hint="all partitions of a dbt project are in one time zone; microbatch models are in UTC",
            )
    if "week" in every and every & {"month", "year"}:
        raise ProjectError(f"weeks do not fit into the {longest.every}s that others ask for", where=where)
    return Windows(every=longest.every, start=min(windows.start for windows, _ in asked), timezone=longest.timezone)


def _asked(asked: object, where: str) -> Windows:
    name = "meta.floe.partitions"
    if not isinstance(asked, Mapping) or set(asked) - _KEYS:
        raise ProjectError(f"{name} has the keys every, start and timezone, and no others", where=where)
    zone = asked.get("timezone", "UTC")
    try:
        ZoneInfo(str(zone))
    except (ValueError, OSError, KeyError):
        raise ProjectError(f"{name}.timezone: {zone!r} is no time zone", where=where) from None
    return Windows(
        every=_every(asked.get("every"), f"{name}.every", where),
        start=_start(asked.get("start"), f"{name}.start", where),
        timezone=str(zone),
    )


def _every(value: object, name: str, where: str) -> Every:
    if value not in _EVERY:
        raise ProjectError(f"{name} is {value!r}", where=where, hint=f"it is one of {', '.join(_EVERY)}")
    return cast("Every", value)


def _start(value: object, name: str, where: str) -> datetime:
    if isinstance(value, date) and not isinstance(value, datetime):
        value = value.isoformat()
    try:
        start = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        raise ProjectError(
            f"{name} is {value!r}", where=where, hint='it is a day or a time, such as "2013-01-01"'
        ) from None
    return start.replace(tzinfo=None)
