"""Telemetry as an observer of a run: it takes events in microseconds, and everything else is done elsewhere."""

from __future__ import annotations

import atexit
import logging
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from floe_images.artifacts.events import Event, NodeFinished, Said
from floe_images.runtime.telemetry.outbox import Outbox
from floe_images.runtime.telemetry.parcel import Parcel
from floe_images.runtime.telemetry.spool import stranded
from floe_images.runtime.telemetry.tidy import Tidy

DRAIN = 0.15  # seconds at the end in which endpoints may still take something; all of the end is to take 0.2
_ENCODE = 2.0  # seconds of our own work at the end; it depends on no endpoint
_LINGER = 0.5  # seconds in which events come together for one request
_EVENTS, _BYTES = 20_000, 32_000_000  # that wait to be encoded

_log = logging.getLogger("floe.telemetry")


class Encoder(Protocol):
    """Events to parcels, in the order of the events. Called by one thread, and by no other."""

    def encode(self, event: Event, *, quick: bool) -> Sequence[Parcel]:
        """What is ready to be sent. ``quick``: leave out what takes long."""

    def flush(self) -> Sequence[Parcel]:
        """What was held back to be sent together."""


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One endpoint: ``name`` is floe.yaml's word for it."""

    name: str
    encoder: Encoder
    outbox: Outbox


class Telemetry:
    """The observer. ``events`` and ``size`` (bytes) bound what waits; what comes beyond is dropped and counted."""

    def __init__(self, channels: Sequence[Channel], *, events: int = _EVENTS, size: int = _BYTES) -> None:
        self.channels = tuple(channels)
        self._most, self._most_bytes = events, size
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._taken = self._done = 0  # bytes; each is written by one thread only
        self._dropped = 0
        self._state = "new"
        self._tidy = Tidy()
        self._hurry_at = float("inf")
        self._thread = threading.Thread(target=self._run, name="floe-telemetry", daemon=True)

    def tell(self, event: Event) -> None:
        if self._state != "open":
            if self._state == "closed":
                return
            self._open()
        weight = _weight(event)
        if self._events.qsize() >= self._most or self._taken - self._done + weight > self._most_bytes:
            self._dropped += 1
            return
        self._taken += weight
        self._events.put(event)  # of C, without a lock that another thread could hold

    def close(self) -> None:
        if self._state != "open":
            self._state = "closed"
            return
        self._state = "closed"
        atexit.unregister(self.close)
        self._hurry_at = time.monotonic() + DRAIN / 2
        self._events.put(None)
        self._thread.join(_ENCODE)
        if self._thread.is_alive():
            self._dropped += self._events.qsize()
        deadline = time.monotonic() + DRAIN
        for channel in self.channels:
            channel.outbox.close_soon()
        for channel in self.channels:
            channel.outbox.close(deadline)
        self._say()

    def _open(self) -> None:
        self._state = "open"
        atexit.register(self.close)
        self._thread.start()
        for channel in self.channels:
            channel.outbox.start()

    def _run(self) -> None:
        held_since: float | None = None
        while True:
            try:
                pause = None if held_since is None else max(0.0, held_since + _LINGER - time.monotonic())
                event = self._events.get(timeout=pause)
            except queue.Empty:
                held_since = None
                self._flush()
                continue
            if event is None:
                self._flush()
                return
            for each in self._tidy(event):
                self._encode(each)
            self._done += _weight(event)
            held_since = held_since or time.monotonic()

    def _encode(self, event: Event) -> None:
        quick = time.monotonic() > self._hurry_at
        for channel in self.channels:
            try:
                channel.outbox.put(channel.encoder.encode(event, quick=quick))
            except Exception as fault:  # an event that cannot be told must not keep the next ones back
                channel.outbox.counts.dropped += 1
                _log.debug("%s: an event was not encoded: %s", channel.name, type(fault).__name__)

    def _flush(self) -> None:
        for channel in self.channels:
            try:
                channel.outbox.put(channel.encoder.flush())
            except Exception as fault:
                channel.outbox.counts.dropped += 1
                _log.debug("%s: events were not encoded: %s", channel.name, type(fault).__name__)

    def _say(self) -> None:
        told = [f"{channel.name} {channel.outbox.counts}{_why(channel.outbox)}" for channel in self.channels]
        if self._dropped:
            told.append(f"{self._dropped} events dropped before they were encoded")
        counts = [channel.outbox.counts for channel in self.channels]
        folders = [channel.outbox.folder for channel in self.channels]
        for root in {folder.parents[1] for folder in folders}:
            told.extend(stranded(root, folders))
        lost = self._dropped or any(each.kept or each.dropped or each.damaged for each in counts)
        _log.log(logging.WARNING if lost else logging.INFO, "telemetry: %s", "; ".join(told))


def _why(outbox: Outbox) -> str:
    return f" ({outbox.fault})" if outbox.fault else ""


def _weight(event: Event) -> int:
    """About how many bytes an event holds."""
    if isinstance(event, NodeFinished):
        return 500 + len(event.sql or "") + len(event.message or "") + 50 * len(event.columns)
    return 300 + len(event.text) if isinstance(event, Said) else 300
