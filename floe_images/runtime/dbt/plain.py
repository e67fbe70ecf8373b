"""dbt's events are made of any value: what their Protocol Buffers cannot hold goes into them as text.

A node's ``meta`` may hold a date (YAML reads ``2026-01-31`` as one) or a time (``run_started_at``). dbt then warns,
with all of the event in the warning, and fires one that is empty: nobody learns which node began, or how it ended.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, time
from typing import Any

_WHOLE = 1 << 63  # JSON of Protocol Buffers has 64-bit integers and doubles


def take_any_value() -> None:
    """From now on dbt's events are whole. Needs dbt; call it once."""
    from dbt_common.events import base_types

    parse = base_types.ParseDict

    def tolerant(values: Mapping[str, Any], message: Any) -> Any:
        try:
            return parse(values, message)
        except Exception:  # ParseError, and OverflowError of a large integer
            message.Clear()
            return parse(plain(values), message)

    base_types.ParseDict = tolerant


def plain(value: Any) -> Any:
    """The same in JSON's types: keys and whatever is no JSON as text, times in ISO 8601, sets as lists."""
    if isinstance(value, Mapping):
        return {_text(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < _WHOLE:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    told = value if isinstance(value, str) else str(value)  # str() of a word of an enumeration is its name
    return told.encode(errors="replace").decode()  # UTF-8 has no lone surrogates
