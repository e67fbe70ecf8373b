"""What may not be printed, made unprintable: secrets as values, URLs without credentials, foreign output cleaned.

It is not a filter on streams: each value is made safe where it comes in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

_HIDDEN = "***"
_USERINFO = re.compile(r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.-]*://)[^\s/@'\"<>]+(?:/[^\s/@'\"<>]*)?@")
_QUERY = re.compile(r"(?P<url>\b[A-Za-z][A-Za-z0-9+.-]*://[^\s?#'\"<>]+)[?#][^\s'\"<>]+")


class Secret:
    """A text that no str(), repr(), format or traceback shows; ``reveal()`` at the last moment before it is used."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __str__(self) -> str:
        return _HIDDEN

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return _HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(("Secret", self._text))


def redact_url(url: str) -> str:
    """The URL without user, password, query and fragment (tokens travel in all of them)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(not a URL)"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def redact_text(text: str, secrets: Iterable[Secret] = ()) -> str:
    """Another program's output with known secrets and the credentials and queries of every URL in it taken out."""
    for secret in sorted({secret.reveal() for secret in secrets}, key=len, reverse=True):
        if secret:
            text = text.replace(secret, _HIDDEN)
    return _QUERY.sub(r"\g<url>", _USERINFO.sub(r"\g<scheme>", text))
