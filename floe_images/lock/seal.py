"""The seal of floe.lock: a line with the sha256 of all other bytes, so that an edit or a bad merge shows."""

from __future__ import annotations

import hashlib
import re

from floe_images.lock.model import LOCK_VERSION

_FIRST = f"version = {LOCK_VERSION}\n".encode()
_LINE = re.compile(rb'^content = "([0-9a-f]{64})"\n', re.MULTILINE)


def seal(text: bytes) -> bytes:
    """The lock's text with the line ``content = "sha256"`` below its version; a line that is there is made anew."""
    rest = _LINE.sub(b"", text, count=1)
    before, first, after = rest.partition(_FIRST)
    return before + first + b'content = "' + _digest(rest) + b'"\n' + after if first else rest


def is_sealed(text: bytes) -> bool:
    """Whether the seal is there and fits. Line ends that version control made into CRLF do not count."""
    text = text.replace(b"\r\n", b"\n")
    found = _LINE.search(text)
    return found is not None and found[1] == _digest(text[: found.start()] + text[found.end() :])


def _digest(rest: bytes) -> bytes:
    return hashlib.sha256(rest).hexdigest().encode()
