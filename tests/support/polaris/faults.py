"""Faults on wish: requests that are answered with 429 or 5xx, not answered, or answered late."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Any, Literal


@dataclass
class Fault:
    """``how``: a status, ``drop`` (the connection is closed) or ``hang`` (until the client goes).

    ``after``: the request has been carried out, and only its answer is lost. ``skip`` requests that fit are spared
    first; then ``times`` are hit.
    """

    method: str
    path: str
    how: int | Literal["drop", "hang"]
    after: bool = False
    skip: int = 0
    times: int = 1
    retry_after: int | None = None


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def ask_for(self, documents: list[dict[str, Any]]) -> None:
        with self._lock:
            self._waiting = [Fault(**each) for each in documents]

    def hit(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self._waiting:
                if not re.fullmatch(fault.method, method) or not re.search(fault.path, path) or fault.times <= 0:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None
