"""How long work tells what it does: a port that the console implements and that engines call."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    def phase(self, name: str) -> None:
        """A phase begins: resolve, fetch, unpack, bytecode, compress, write, load. Logged as ``phase NAME``."""

    def total(self, name: str, amount: int, *, unit: str = "B") -> None:
        """How much is to be done under ``name`` (bytes unless ``unit`` says otherwise)."""

    def advance(self, name: str, amount: int) -> None:
        """``amount`` more of ``name`` is done. May be called from several threads."""

    def note(self, text: str) -> None:
        """One line for the person who watches; goes to stderr."""

    def detail(self, text: str) -> None:
        """One line that only ``floe -v`` shows."""

    def hide(self, secret: str) -> None:
        """From now on ``secret`` is replaced in everything that is printed and in the log of a crash."""


class Silent:
    """For tests and for scripts."""

    def phase(self, name: str) -> None: ...

    def total(self, name: str, amount: int, *, unit: str = "B") -> None: ...

    def advance(self, name: str, amount: int) -> None: ...

    def note(self, text: str) -> None: ...

    def detail(self, text: str) -> None: ...

    def hide(self, secret: str) -> None: ...


SILENT = Silent()


class Console(Progress, Protocol):
    """What a command talks through: ``click.get_current_context().obj``. Results go to stdout, all else to stderr."""

    def result(self, text: str) -> None:
        """One or more lines that are what the command was run for."""

    def json(self, value: object) -> None:
        """The result as one JSON document, for scripts."""
