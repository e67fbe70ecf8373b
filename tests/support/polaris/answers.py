"""Answers as values: a status, a body, and where such an answer is known from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SEEN = "1.4.1 seen"
READ = "1.7.0 read"
API = "api"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """``body`` None is an empty one. ``model``: the official client's class that must read it."""

    status: int
    body: Any = None
    source: str = SEEN
    model: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


class Refusal(Exception):  # noqa: N818
    """Ends a request with an answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def error(code: int, kind: str, message: str, *, source: str = SEEN) -> Refusal:
    """Iceberg's ErrorModel, as every fault of the service itself has it."""
    return Refusal(Answer(status=code, body={"error": {"message": message, "type": kind, "code": code}}, source=source))


def empty(status: int, *, source: str = SEEN, **headers: str) -> Refusal:
    """A fault that the framework answers before the service is asked: no body."""
    return Refusal(Answer(status=status, source=source, headers=tuple(headers.items())))
