"""The console: progress bars on a terminal, plain lines in a pipe; results on stdout, talk on stderr."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, TextIO

from floe_images.cli.streams import result_error

if TYPE_CHECKING:
    from tqdm import tqdm

_HIDDEN = "***"
_SECONDS_BETWEEN_LINES = 5.0


class TextConsole:
    """Implements ``progress.Console``. May be called from several threads."""

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._lock = threading.RLock()
        self._works: dict[str, _Work] = {}
        self._hidden: list[str] = []
        self._started = time.monotonic()
        self._on_terminal = self._err.isatty()
        self.color = self._on_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self.verbose = False

    def phase(self, name: str) -> None:
        with self._lock:
            self._finish_works()
            self._say(f"phase {name}")

    def total(self, name: str, amount: int, *, unit: str = "B") -> None:
        with self._lock:
            work = self._works.get(name)
            if work is None:
                self._works[name] = work = _Work(name, self._on_terminal, self._err)
            work.set_total(amount, unit)

    def advance(self, name: str, amount: int) -> None:
        with self._lock:
            if name not in self._works:
                self.total(name, 0)
            line = self._works[name].advance(amount)
            if line is not None:
                self._say(line)

    def note(self, text: str) -> None:
        with self._lock:
            self._say(_printable(text))

    def detail(self, text: str) -> None:
        if self.verbose:
            self.note(f"[{time.monotonic() - self._started:.1f} s] {text}")

    def result(self, text: str) -> None:
        """Raise DiskFullError or DiskError where stdout takes nothing; a pipe that broke stays a BrokenPipeError."""
        with self._lock:
            self._finish_works()
            try:
                _write(self._out, self.clean(text))
            except OSError as error:
                if error.errno == errno.EPIPE:
                    raise
                raise result_error(error) from error

    def json(self, value: object) -> None:
        import json

        self.result(json.dumps(value, indent=2, ensure_ascii=False))

    def error(self, message: str, hint: str | None = None) -> None:
        with self._lock:
            self._finish_works()
            self._say(f"{self._painted('error:', '1;31')} {_printable(message)}")
            if hint:
                self._say(f"{self._painted('hint:', '1;36')} {_printable(hint)}")

    def hide(self, secret: str) -> None:
        import json
        from urllib.parse import quote

        with self._lock:
            forms = {secret, quote(secret, safe=""), json.dumps(secret, ensure_ascii=False)[1:-1]} - {""}
            self._hidden = sorted({*self._hidden, *forms}, key=len, reverse=True)

    def clean(self, text: str) -> str:
        """``text`` without the hidden secrets."""
        for secret in self._hidden:
            text = text.replace(secret, _HIDDEN)
        return text

    def close(self) -> None:
        """Take the bars down."""
        with self._lock:
            self._finish_works()

    def _finish_works(self) -> None:
        for work in self._works.values():
            line = work.finish()
            if line is not None:
                self._say(line)
        self._works.clear()

    def _say(self, text: str) -> None:
        bars = [work.bar for work in self._works.values() if work.bar is not None]
        for bar in bars:
            bar.clear()
        # Talk that nobody can hear must not stop the work.
        with contextlib.suppress(OSError):
            _write(self._err, self.clean(text))
        for bar in bars:
            bar.refresh()

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color else text


class _Work:
    """One thing that takes long: a bar on a terminal, else a line every few seconds."""

    def __init__(self, name: str, on_terminal: bool, err: TextIO) -> None:
        self.name = name
        self.done = 0
        self.amount = 0
        self.unit = "B"
        self.bar: tqdm[Any] | None = None
        self._on_terminal = on_terminal
        self._err = err
        self._last = time.monotonic()
        self._told: int | None = None

    def set_total(self, amount: int, unit: str) -> None:
        self.amount, self.unit = amount, unit
        if not self._on_terminal:
            return
        if self.bar is None:
            from tqdm import tqdm

            self.bar = tqdm(desc=self.name, unit=unit, unit_scale=unit == "B", leave=False, file=self._err)
        self.bar.unit = unit
        self.bar.total = amount or None
        self.bar.refresh()

    def advance(self, amount: int) -> str | None:
        """Count; and the line that is due, if one is."""
        self.done += amount
        if self.bar is not None:
            self.bar.update(amount)
            return None
        now = time.monotonic()
        if now - self._last < _SECONDS_BETWEEN_LINES:
            return None
        self._last, self._told = now, self.done
        return self._line()

    def finish(self) -> str | None:
        """Take the bar down; and the last line, where earlier ones would otherwise end in the middle."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None
            return None
        return self._line() if self._told is not None and self._told != self.done else None

    def _line(self) -> str:
        done = _amount(self.done, self.unit)
        return f"{self.name}: {done} of {_amount(self.amount, self.unit)}" if self.amount else f"{self.name}: {done}"


def _printable(text: str) -> str:
    """What a project or a server says may hold what a terminal obeys."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda found: ascii(found[0])[1:-1], text)


def _amount(amount: int, unit: str) -> str:
    return f"{amount / 1e6:.1f} MB" if unit == "B" else f"{amount} {unit}"


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text + "\n")
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()
