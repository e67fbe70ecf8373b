"""A finding: where in floe.yaml something is wrong, what, and what to do. It never repeats a value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

#: Line and column, both from 1.
Position = tuple[int, int]
#: Keys and indexes from the document's root on.
Path = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Finding:
    at: Position
    path: str
    message: str
    hint: str | None = None

    def render(self, name: str) -> str:
        """``floe.yaml:7:11: image.python: message (hint)``."""
        line, column = self.at
        what = f"{self.path}: {self.message}" if self.path else self.message
        return f"{name}:{line}:{column}: {what}" + (f" ({self.hint})" if self.hint else "")

    def as_json(self, name: str) -> dict[str, Any]:
        line, column = self.at
        return {"file": name, "line": line, "column": column, "path": self.path, "message": self.message} | (
            {"hint": self.hint} if self.hint else {}
        )


def path_text(path: Path) -> str:
    """``targets.prod.host``, ``adapters[0]``; a key that is no plain word is quoted, shortened and escaped."""
    text = ""
    for element in path:
        if isinstance(element, int):
            text += f"[{element}]"
        else:
            text += ("." if text else "") + shown(element)
    return text


def shown(key: str) -> str:
    """A key of the document so that it can be printed on one line of any terminal."""
    if re.fullmatch(r"[A-Za-z0-9_-]{1,63}", key):
        return key
    short = key if len(key) <= 40 else key[:39] + "…"
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else ascii(c)[1:-1] for c in short) + '"'
