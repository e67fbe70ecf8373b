"""What the console writes, into a pipe and on a terminal."""

from __future__ import annotations

import io
import json
import threading

import pytest

from floe_images.cli import console as module
from floe_images.cli.console import TextConsole


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def piped() -> tuple[TextConsole, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    return TextConsole(out, err), out, err


def test_results_and_talk_go_apart() -> None:
    console, out, err = piped()
    console.note("talk")
    console.result("result")
    console.error("message", "do this")
    assert out.getvalue() == "result\n"
    assert err.getvalue() == "talk\nerror: message\nhint: do this\n"


def test_a_line_every_five_seconds_and_the_phases(clock: list[float]) -> None:
    console, _, err = piped()
    console.phase("fetch")
    console.total("wheels", 30_000_000)
    for _ in range(12):
        clock[0] += 1
        console.advance("wheels", 2_000_000)
    console.phase("unpack")
    console.phase("write")
    assert err.getvalue().splitlines() == [
        "phase fetch",
        "wheels: 10.0 MB of 30.0 MB",
        "wheels: 20.0 MB of 30.0 MB",
        "wheels: 24.0 MB of 30.0 MB",
        "phase unpack",
        "phase write",
    ]


def test_short_work_says_nothing(clock: list[float]) -> None:
    console, out, err = piped()
    console.total("files", 3, unit="files")
    console.advance("files", 3)
    console.close()
    assert (out.getvalue(), err.getvalue()) == ("", "")


def test_other_units_and_no_total(clock: list[float]) -> None:
    console, _, err = piped()
    console.total("files", 3, unit="files")
    clock[0] = 6
    console.advance("files", 2)
    console.advance("unknown", 1)
    clock[0] = 12
    console.advance("unknown", 1_500_000)
    assert err.getvalue().splitlines() == ["files: 2 files of 3 files", "unknown: 1.5 MB"]


def test_details_are_for_those_who_ask(clock: list[float]) -> None:
    console, _, err = piped()
    console.detail("hidden")
    console.verbose = True
    clock[0] = 1.25
    console.detail("shown")
    assert err.getvalue() == "[1.2 s] shown\n"


def test_hidden_secrets_are_printed_nowhere() -> None:
    console, out, err = piped()
    console.hide("p@ss word")
    console.hide("")
    console.note("a p@ss word b")
    console.error("p%40ss%20word")
    console.result("p@ss word")
    console.json({"password": "p@ss word"})
    assert "ss" not in err.getvalue().replace("***", "")
    assert out.getvalue() == '***\n{\n  "password": "***"\n}\n'


def test_a_secret_that_json_escapes_is_hidden_too() -> None:
    console, out, _ = piped()
    console.hide('qu"ote\\d')
    console.json({"password": 'qu"ote\\d', "list": ['x qu"ote\\d y']})
    assert json.loads(out.getvalue()) == {"password": "***", "list": ["x *** y"]}


def test_bars_on_a_terminal() -> None:
    out, err = io.StringIO(), Terminal()
    console = TextConsole(out, err)
    console.phase("fetch")
    console.total("wheels", 10_000_000)
    console.advance("wheels", 5_000_000)
    console.note("between")
    console.close()
    assert "wheels:" in err.getvalue()
    assert "10.0M" in err.getvalue()
    assert "between\n" in err.getvalue()
    assert out.getvalue() == ""


def test_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    err = Terminal()
    TextConsole(io.StringIO(), err).error("x")
    assert err.getvalue() == "\x1b[1;31merror:\x1b[0m x\n"
    monkeypatch.setenv("NO_COLOR", "1")
    err = Terminal()
    TextConsole(io.StringIO(), err).error("x")
    assert err.getvalue() == "error: x\n"


def test_a_stream_that_cannot_write_all_letters() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii", newline="\n")
    TextConsole(out, io.StringIO()).result("10⁹ bytes")
    assert raw.getvalue() == b"10\\u2079 bytes\n"


def test_many_threads_count_right(clock: list[float]) -> None:
    console, _, err = piped()
    console.total("files", 4000, unit="files")
    threads = [threading.Thread(target=lambda: [console.advance("files", 1) for _ in range(1000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clock[0] = 10
    console.advance("files", 0)
    assert err.getvalue() == "files: 4000 files of 4000 files\n"


def test_what_a_terminal_would_obey_is_escaped() -> None:
    console, _, err = piped()
    console.note("bye\x1b[31m\r\n\tnext\x9b")
    console.error("no\x07", "a\x00b")
    assert err.getvalue() == "bye\\x1b[31m\\r\n\tnext\\x9b\nerror: no\\x07\nhint: a\\x00b\n"
