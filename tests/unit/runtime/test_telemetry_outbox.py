"""The outbox: nobody waits for it, what it cannot send is kept, and every item is counted once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from floe_images.errors import ProjectError
from floe_images.runtime.telemetry.outbox import Outbox
from floe_images.runtime.telemetry.parcel import Parcel, RefusedError, UndeliveredError
from floe_images.runtime.telemetry.spool import Spool


class Door:
    """Takes parcels, or does what ``failing`` says first: an exception a time, then none."""

    def __init__(self, *failing: Exception, hang: threading.Event | None = None) -> None:
        self.took: list[bytes] = []
        self._failing = list(failing)
        self._hang = hang

    def send(self, parcel: Parcel) -> int:
        if self._hang is not None:
            self._hang.wait(30)
        if self._failing:
            raise self._failing.pop(0)
        self.took.append(parcel.body)
        return parcel.body.count(b"!")

    def close(self) -> None:
        """Nothing is open."""


def _parcel(text: str, items: int = 1) -> Parcel:
    return Parcel(path="traces", body=text.encode(), items=items)


def _spool(folder: Path) -> Spool:
    return Spool(folder, "traces", "a" * 16)


def _closed(outbox: Outbox, seconds: float = 5) -> float:
    start = time.monotonic()
    outbox.close(start + seconds)
    return time.monotonic() - start


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_everything_leaves_in_order(tmp_path: Path) -> None:
    door = Door()
    outbox = Outbox(_spool(tmp_path), lambda: door)
    outbox.start()
    for number in range(50):
        outbox.put([_parcel(str(number), 2)])
    assert _closed(outbox) < 2
    assert door.took == [str(number).encode() for number in range(50)]
    assert str(outbox.counts) == "100 sent"


def test_what_hangs_is_kept_at_the_end_and_close_returns_in_time(tmp_path: Path, hanging: threading.Event) -> None:
    outbox = Outbox(_spool(tmp_path), lambda: Door(hang=hanging))
    outbox.start()
    outbox.put([_parcel("one", 3), _parcel("two", 4)])
    assert _closed(outbox, 0.2) < 0.6
    assert str(outbox.counts) == "0 sent, 7 kept for the next run"


def test_after_a_failure_the_rest_is_kept_at_once_and_an_old_parcel_is_sent_first(tmp_path: Path) -> None:
    down = Outbox(_spool(tmp_path), lambda: Door(*[UndeliveredError("no connection")] * 9))
    down.start()
    down.put([_parcel("one"), _parcel("two")])
    deadline = time.monotonic() + 5
    while _spool(tmp_path).waiting() < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _spool(tmp_path).waiting() == 2  # before the run ends: a kill would not lose them
    down.put([_parcel("three")])
    assert _closed(down) < 1
    assert (str(down.counts), down.fault) == ("0 sent, 3 kept for the next run", "no connection")

    door = Door()
    up = Outbox(_spool(tmp_path), lambda: door)
    up.put([_parcel("four")])
    up.start()
    while len(door.took) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    _closed(up)
    assert door.took == [b"one", b"two", b"three", b"four"]
    assert (str(up.counts), up.fault) == ("4 sent", None)


def test_what_is_refused_is_dropped_and_the_next_one_is_sent(tmp_path: Path) -> None:
    door = Door(RefusedError("HTTP 400"))
    outbox = Outbox(_spool(tmp_path), lambda: door)
    outbox.start()
    outbox.put([_parcel("bad", 5), _parcel("good", 2)])
    _closed(outbox)
    assert door.took == [b"good"]
    assert str(outbox.counts) == "2 sent, 5 dropped"


def test_items_that_were_not_taken_with_the_others_are_dropped(tmp_path: Path) -> None:
    outbox = Outbox(_spool(tmp_path), lambda: Door())
    outbox.start()
    outbox.put([_parcel("two of them!!", 5)])
    _closed(outbox)
    assert str(outbox.counts) == "3 sent, 2 dropped"


def test_a_door_that_cannot_be_opened_keeps_everything_and_names_what_is_missing(tmp_path: Path) -> None:
    def closed() -> Door:
        raise ProjectError("observability.traces needs the secret token, which is not there")

    outbox = Outbox(_spool(tmp_path), closed)
    outbox.start()
    outbox.put([_parcel("one")])
    _closed(outbox)
    assert outbox.counts.kept == 1
    assert outbox.fault == "observability.traces needs the secret token, which is not there"


def test_a_failure_that_nobody_foresaw_says_its_type_and_not_its_text(tmp_path: Path) -> None:
    outbox = Outbox(_spool(tmp_path), lambda: Door(KeyError("canary")))
    outbox.start()
    outbox.put([_parcel("one")])
    _closed(outbox)
    assert (outbox.fault, outbox.counts.kept) == ("KeyError", 1)


def test_what_memory_does_not_hold_goes_to_the_spool(tmp_path: Path, hanging: threading.Event) -> None:
    outbox = Outbox(_spool(tmp_path), lambda: Door(hang=hanging), limit=100)
    outbox.start()
    outbox.put([_parcel("x" * 60), _parcel("y" * 60, 2)])
    assert _spool(tmp_path).waiting() == 2
    _closed(outbox, 0.05)
    assert outbox.counts.kept == 3


def test_without_a_spool_what_cannot_be_sent_is_dropped_and_said(tmp_path: Path) -> None:
    (tmp_path / "traces").write_text("in the way")
    outbox = Outbox(_spool(tmp_path), lambda: Door(*[UndeliveredError("no connection")] * 9))
    outbox.start()
    outbox.put([_parcel("one", 4)])
    _closed(outbox)
    assert (outbox.counts.sent, outbox.counts.kept, outbox.counts.dropped) == (0, 0, 4)
    assert outbox.fault is not None
    assert outbox.fault.startswith("the spool cannot be")
