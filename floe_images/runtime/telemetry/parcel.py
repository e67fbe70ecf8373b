"""What is sent, who sends it, and how sending fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """One request's body, exactly as it goes over the wire and lies in the spool. It holds no header and no secret.

    ``path`` says what it is: ``traces``, ``metrics``, ``logs`` or ``lineage``. ``items`` are the spans, data points,
    log records or events in it.
    """

    path: str
    body: bytes
    items: int


class UndeliveredError(Exception):
    """It did not arrive, and may later. The text is a few words without addresses or secrets."""


class RefusedError(Exception):
    """The receiver understood the request and will never take this body."""


class Door(Protocol):
    """The way to one endpoint. Each call has a time limit of its own."""

    def send(self, parcel: Parcel) -> int:
        """How many of its items the receiver refused for good while it took the others. Raise UndeliveredError or
        RefusedError."""

    def close(self) -> None:
        """Ends at once, also while another thread is in `send`."""


@dataclass(kw_only=True)
class Counts:
    """What became of an endpoint's items. ``kept`` lie in the spool for a later run."""

    sent: int = 0
    kept: int = 0
    dropped: int = 0
    damaged: int = 0  # files of the spool

    def __str__(self) -> str:
        told = [
            f"{self.sent} sent",
            *([f"{self.kept} kept for the next run"] if self.kept else []),
            *([f"{self.dropped} dropped"] if self.dropped else []),
            *([f"{self.damaged} damaged files set aside"] if self.damaged else []),
        ]
        return ", ".join(told)
