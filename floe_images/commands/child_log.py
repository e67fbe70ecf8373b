"""What a runtime that was started as a child says on stderr: lines of its log, and at last why it ended."""

from __future__ import annotations

import json

from floe_images.errors import FloeError, InfrastructureError, leaf_of
from floe_images.progress import Console

_LOUD = ("warning", "error", "critical")
_SHOWN = ("floe.telemetry",)  # its one line at the end says what became of it all
_ERROR, _HINT = "error: ", "hint: "


class ChildLog:
    """Shows what is loud and keeps the last word. ``what`` is the process in a message, ``verb`` what was typed."""

    def __init__(self, console: Console, *, what: str, verb: str) -> None:
        self._console = console
        self._what = what
        self._verb = verb
        self._said: dict[str, str] = {}

    @property
    def told_an_error(self) -> bool:
        return _ERROR in self._said

    def hear(self, line: str) -> None:
        for word in (_ERROR, _HINT):
            if line.startswith(word):
                self._said[word] = line.removeprefix(word)
                return
        try:
            document = json.loads(line)
            level, text = str(document["level"]), str(document["message"])
            shown = level in _LOUD or document["logger"] in _SHOWN
        except (ValueError, TypeError, KeyError):
            if line.strip():
                self._console.detail(line)
            return
        (self._console.note if shown else self._console.detail)(text)

    def failure(self, code: int) -> FloeError:
        """The error tree's leaf for the exit code, with the child's own words where it said some."""
        if _ERROR in self._said:
            leaf = leaf_of(code) or InfrastructureError
            return leaf(self._said[_ERROR], hint=self._said.get(_HINT))
        what = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
        return InfrastructureError(
            f"{self._what} {what} and told no outcome", hint=f"`floe -v {self._verb} …` shows its log"
        )
