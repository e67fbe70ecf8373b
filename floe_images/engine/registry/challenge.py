"""What a registry asks for with status 401: the WWW-Authenticate header as a value (RFC 9110, 11.6.1). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LIMIT = 8192  # characters of the header
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  RFC 9110's word
_PARAMETER = re.compile(rf'\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))\s*(?:,|$)')
_SCHEME = re.compile(rf"[\s,]*({_TOKEN})(?:\s+|$|(?=,))")


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """``scheme`` in lower case; ``realm`` is a URL for ``bearer`` and a text for ``basic``."""

    scheme: str
    realm: str = ""
    service: str = ""
    scope: str = ""


def read_challenges(header: str) -> tuple[Challenge, ...]:
    """Every challenge of the header, in its order; what cannot be read ends the list."""
    rest, found = header[:_LIMIT], []
    while rest.strip(" \t,"):
        scheme = _SCHEME.match(rest)
        if not scheme:
            break
        rest = rest[scheme.end() :]
        values: dict[str, str] = {}
        while parameter := _PARAMETER.match(rest):
            name, quoted, plain = parameter.groups()
            values.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain)
            rest = rest[parameter.end() :]
        found.append(
            Challenge(
                scheme=scheme[1].lower(),
                realm=values.get("realm", ""),
                service=values.get("service", ""),
                scope=values.get("scope", ""),
            )
        )
    return tuple(found)
