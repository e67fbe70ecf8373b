from __future__ import annotations

import pytest
from pydantic_core import PydanticCustomError

from floe_images.spec.clock import check_cron, check_timezone, parse_duration


@pytest.mark.parametrize(
    "line",
    [
        "* * * * *",
        "0 3 * * *",
        "*/5 0-23/2 1,15 jan-dec sun",
        "59 23 31 12 7",
        "@daily",
        "0 0 * FEB Mon-FRI",
        "5/10 * * * *",
        "0 0 29 2 *",
        "0 0 30 2 mon",
        "0 0 31 feb,mar *",
        "0 0 28-31 2 *",
        "0 0 31 */6 *",
    ],
)
def test_cron_lines(line: str) -> None:
    assert check_cron(line) == line


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("0 3 * *", "must have five fields"),
        ("0 3 * * * *", "must have five fields"),
        ("", "must have five fields"),
        ("@reboot", "must have five fields"),
        ("60 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day of month"),
        ("* * * 13 *", "month"),
        ("* * * foo *", "month"),
        ("* * * * 8", "day of week"),
        ("5-1 * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("1, * * * *", "minute"),
        ("٣ * * * *", "minute"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 feb,APR-JUN/2,11 *", "never comes"),
        ("0 0 30/5 2 *", "never comes"),
    ],
)
def test_what_is_no_cron_line(line: str, says: str) -> None:
    with pytest.raises(PydanticCustomError, match=says):
        check_cron(line)


@pytest.mark.parametrize(
    "zone", ["UTC", "America/New_York", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+3"]
)
def test_time_zones(zone: str) -> None:
    assert check_timezone(zone) == zone


@pytest.mark.parametrize(
    "zone", ["", "america/new_york", "Mars/Base", "../etc/passwd", "/etc/passwd", "America", "UTC/", "UTC\n"]
)
def test_what_is_no_time_zone(zone: str) -> None:
    with pytest.raises(PydanticCustomError, match="IANA"):
        check_timezone(zone)


def test_a_time_zone_where_the_machine_has_no_folder_of_them(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr("floe_images.spec.clock._ZONES", tmp_path)
    assert check_timezone("America/New_York") == "America/New_York"
    monkeypatch.setattr("zoneinfo.available_timezones", lambda: {"UTC"})
    with pytest.raises(PydanticCustomError, match="IANA"):
        check_timezone("America/New_York")
    monkeypatch.setattr("zoneinfo.available_timezones", set)
    assert check_timezone("America/New_York") == "America/New_York"


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("6h", 21_600), ("2d", 172_800)])
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "1 h", "-1h", "1.5h", "1w"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(PydanticCustomError, match="duration"):
        parse_duration(text)
