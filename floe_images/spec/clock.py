"""Times in floe.yaml: cron lines, time zones, durations."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic_core import PydanticCustomError

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
# (what, lowest, highest, names of the values from the lowest on): crontab(5). Both 0 and 7 are Sunday.
_FIELDS: tuple[tuple[str, int, int, list[str]], ...] = (
    ("minute", 0, 59, []),
    ("hour", 0, 23, []),
    ("day of month", 1, 31, []),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
)
_MACROS = {"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"}
_ITEM = re.compile(r"(?:(\*)|([0-9]{1,2}|[a-z]{3})(?:-([0-9]{1,2}|[a-z]{3}))?)(?:/([0-9]{1,2}))?")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
_ZONES = Path("/usr/share/zoneinfo")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def check_cron(value: str) -> str:
    """A cron line of five fields, as crontab(5) has them, or one of its macros."""
    if value in _MACROS:
        return value
    fields = value.split()
    if len(fields) != len(_FIELDS):
        raise PydanticCustomError(
            "cron", "must have five fields (minute, hour, day of month, month, day of week) or be a macro like @daily"
        )
    for text, (what, low, high, names) in zip(fields, _FIELDS, strict=True):
        if not all(_item_fits(item, low, high, names) for item in text.lower().split(",")):
            raise PydanticCustomError(
                "cron",
                "the field {what} is not a cron field from {low} to {high}",
                {"what": what, "low": low, "high": high},
            )
    _check_days(*fields[2:])
    return value


def _check_days(days: str, months: str, weekdays: str) -> None:
    """A date that no calendar has; a day of the week beside it would do as well (crontab(5))."""
    if weekdays != "*":
        return
    longest = max(_LENGTHS[month - 1] for month in _values(months, 1, 12, _MONTHS))
    if min(_values(days, 1, 31, [])) > longest:
        raise PydanticCustomError("cron", "never comes: no such month has that day")


def _values(field: str, low: int, high: int, names: list[str]) -> set[int]:
    """The numbers that a field that fits stands for."""
    found: set[int] = set()
    for item in field.lower().split(","):
        parts = _ITEM.fullmatch(item)
        assert parts
        first, last = (low + names.index(end) if end in names else int(end or 0) for end in parts.group(2, 3))
        if parts[1]:
            first, last = low, high
        elif not parts[3]:
            last = high if parts[4] else first
        found.update(range(first, last + 1, int(parts[4] or 1)))
    return found


def _item_fits(item: str, low: int, high: int, names: list[str]) -> bool:
    found = _ITEM.fullmatch(item)
    if found is None or (found[4] is not None and int(found[4]) == 0):
        return False
    ends = [low + names.index(end) if end in names else end for end in found.group(2, 3) if end]
    numbers = [int(end) for end in ends if str(end).isdigit()]
    return len(numbers) == len(ends) and all(low <= n <= high for n in numbers) and numbers == sorted(numbers)


def check_timezone(value: str) -> str:
    """A name of the IANA time zone database; only its form is checked on a machine that has no such database."""
    if _ZONE.fullmatch(value) is None or not _zone_exists(value):
        raise PydanticCustomError("timezone", "is not an IANA time zone such as America/New_York or UTC")
    return value


def _zone_exists(name: str) -> bool:
    # Looking at the folder costs a tenth of importing zoneinfo, and some file systems do not mind the case of a name.
    folder = _ZONES
    for part in name.split("/"):
        try:
            if part not in {entry.name for entry in folder.iterdir()}:
                break
        except OSError:
            break
        folder = folder / part
    else:
        return folder.is_file()
    import zoneinfo

    known = zoneinfo.available_timezones()
    return name in known or not known


def parse_duration(value: object) -> object:
    """``90s``, ``30m``, ``6h``, ``2d`` or a number of seconds → seconds."""
    if isinstance(value, str):
        found = re.fullmatch(r"([0-9]{1,9})([smhd])", value)
        if found is None:
            raise PydanticCustomError("duration", "must be a duration such as 90s, 30m, 6h or 2d")
        return int(found[1]) * _SECONDS[found[2]]
    return value
