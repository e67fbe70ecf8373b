"""The outbox of one endpoint: parcels wait in memory, one daemon thread sends them, and what does not leave is kept.

Nobody who puts a parcel in ever waits for the network: a name that does not resolve, a connection that hangs and a slow
answer only hold the thread, and the process ends without it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from floe_images.errors import FloeError
from floe_images.runtime.telemetry.parcel import Counts, Door, Parcel, RefusedError, UndeliveredError
from floe_images.runtime.telemetry.spool import Spool

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds between attempts while an endpoint is down
_GATHER = 0.2  # seconds in which parcels for the spool come together, so that its size is looked at seldom


class Outbox:
    """``open_door`` is called in the thread, before the first parcel; it may raise, as sending may.

    ``limit``: bytes that wait in memory; beyond them parcels go to the spool.
    """

    def __init__(self, spool: Spool, open_door: Callable[[], Door], *, limit: int = 16_000_000) -> None:
        self._spool, self._open_door, self._limit = spool, open_door, limit
        self._changed = threading.Condition()
        self._waiting: deque[Parcel] = deque()  # the first one may be on its way
        self._size = 0
        self._closing = self._left = False
        self._backlog: deque[str] = deque()  # names in the spool
        self._look = True  # whether the spool may hold more than that
        self._door: Door | None = None
        self._pause, self._retry_at = 0.0, 0.0
        self._thread = threading.Thread(target=self._run, name="floe-telemetry-outbox", daemon=True)
        self.counts = Counts()
        self.fault: str | None = None  # why the latest attempt failed; None after one that did not

    @property
    def folder(self) -> Path:
        """Where what it keeps lies."""
        return self._spool.folder

    def start(self) -> None:
        self._thread.start()

    def put(self, parcels: Iterable[Parcel]) -> None:
        """Takes what a disk takes at most, and only where memory is full; never raises."""
        with self._changed:
            over = []
            for parcel in parcels:
                if self._left or self._size + len(parcel.body) > self._limit:
                    over.append(parcel)
                else:
                    self._waiting.append(parcel)
                    self._size += len(parcel.body)
            self._keep(over)
            self._changed.notify_all()

    def close_soon(self) -> None:
        """Nothing more is put in; old parcels stay where they are."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def close(self, deadline: float) -> None:
        """Send what can be sent until ``deadline`` (`time.monotonic`), keep the rest. Never raises.

        What is on its way at that moment is kept as well: it may arrive twice, but is never lost.
        """
        self.close_soon()
        if self._thread.is_alive():
            self._thread.join(max(0.0, deadline - time.monotonic()))
        with self._changed:
            self._left = True
            self._keep_waiting()
            try:
                self.counts.kept, self.counts.damaged = self._spool.waiting(), self._spool.damaged()
            except OSError as fault:
                self.fault = f"the spool cannot be read: {fault.strerror}"
        if self._door is not None:
            self._door.close()

    def _run(self) -> None:
        try:
            while self._step():
                pass
        except Exception as fault:  # nobody but this thread would ever see it
            self.fault = f"{type(fault).__name__} in the outbox"
        finally:
            self._spool.release()

    def _step(self) -> bool:
        """Send one parcel, or wait for one. False: it is time to end."""
        kept = self._oldest_kept()
        with self._changed:
            if self._left or (self._closing and not self._waiting):
                return False
            down = self._retry_at - time.monotonic()
            if down > 0:
                if self._waiting and not self._closing:
                    self._changed.wait_for(lambda: self._closing, min(down, _GATHER))
                self._keep_waiting()
                if not self._closing:
                    self._changed.wait(down)
                return True
            new = self._waiting[0] if self._waiting else None
            if new is None and kept is None:
                self._changed.wait()
                return True
            full = self._size > self._limit // 4
        # What waits on the disk is older and goes first, unless memory fills up meanwhile.
        if kept is not None and (new is None or not (full or self._closing)):
            self._send_kept(kept)
        elif new is not None:
            self._send_new(new)
        return True

    def _send_new(self, parcel: Parcel) -> None:
        arrived = self._attempt(parcel)
        with self._changed:
            if self._left or arrived is None:  # `close` has kept it, or the next step does
                return
            self._waiting.popleft()
            self._size -= len(parcel.body)
            self._count(parcel, arrived)

    def _send_kept(self, name: str) -> None:
        try:
            parcel = self._spool.read(name)
            arrived = None if parcel is None else self._attempt(parcel)
            if parcel is not None and arrived is None:
                return  # it stays first
            self._backlog.popleft()
            if parcel is not None and arrived is not None:
                self._spool.remove(name)
                with self._changed:
                    self._count(parcel, arrived)
        except OSError as fault:
            self._down(f"the spool cannot be read: {fault.strerror}")

    def _attempt(self, parcel: Parcel) -> int | None:
        """How many of its items arrived; the others will never be taken. None: not now."""
        try:
            if self._door is None:
                self._door = self._open_door()
            arrived = parcel.items - self._door.send(parcel)
        except RefusedError as fault:
            self.fault = str(fault)
            return 0
        except (UndeliveredError, FloeError) as fault:
            self._down(str(fault))
            return None
        except Exception as fault:  # its text could name anything
            self._down(type(fault).__name__)
            return None
        self.fault, self._pause, self._retry_at = None, 0.0, 0.0
        return arrived

    def _down(self, why: str) -> None:
        self.fault = why
        self._pause = min(_LONGEST_PAUSE, self._pause * 2 or _FIRST_PAUSE)
        self._retry_at = time.monotonic() + self._pause

    def _oldest_kept(self) -> str | None:
        """The oldest file of the spool, where this process is the one to send it."""
        if self._closing or time.monotonic() < self._retry_at:
            return None
        if not self._backlog and self._look:
            try:
                if self._spool.claim():
                    self._backlog.extend(self._spool.names())
                self._look = False
            except OSError as fault:
                self._down(f"the spool cannot be read: {fault.strerror}")
        return self._backlog[0] if self._backlog else None

    def _keep_waiting(self) -> None:
        self._keep(list(self._waiting))
        self._waiting.clear()
        self._size = 0

    def _keep(self, parcels: list[Parcel]) -> None:
        if not parcels:
            return
        self._look = True
        lost, fault = self._spool.add(parcels)
        self.counts.dropped += lost
        if fault is not None:
            self.fault = f"the spool cannot be written: {fault.strerror}"

    def _count(self, parcel: Parcel, arrived: int) -> None:
        self.counts.sent += arrived
        self.counts.dropped += parcel.items - arrived
