"""What dbt's events hold of values that JSON has no word for."""

from __future__ import annotations

import enum
from datetime import date, datetime, time, timezone
from decimal import Decimal

from floe_images.runtime.dbt.plain import plain


class Word(str, enum.Enum):
    ONE = "one"


def test_json_stays_as_it_is() -> None:
    value = {"a": [1, -2.5, True, None, "é"], "b": {"c": []}}
    assert plain(value) == value


def test_everything_else_is_text() -> None:
    assert plain(
        {
            "at": datetime(2026, 1, 31, 12, 30, tzinfo=timezone.utc),
            "days": (date(2026, 1, 31), time(7, 5)),
            date(2026, 2, 1): {"x"},
            1: Decimal("1.20"),
            "large": [10**20, float("nan"), float("-inf")],
            "bytes": b"x",
            "half": "a\udcffb",
        }
    ) == {
        "at": "2026-01-31T12:30:00+00:00",
        "days": ["2026-01-31", "07:05:00"],
        "2026-02-01": ["x"],
        "1": "1.20",
        "large": ["100000000000000000000", "nan", "-inf"],
        "bytes": "b'x'",
        "half": "a?b",
    }


def test_the_text_of_a_word_is_its_value() -> None:
    assert plain([Word.ONE]) == ["one"]
