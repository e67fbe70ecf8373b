"""Debian's control syntax: paragraphs of fields, and relations in dependency fields (deb-control(5), Policy 5, 7)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FIELD = re.compile(r"([!-9;-~]+):[ \t]*(.*)")
_RELATION = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9+.\-]*)(?::(?P<qualifier>[a-z0-9\-]+))?"
    r"\s*(?:\(\s*(?P<operator><<|<=|=|>=|>>)\s*(?P<version>[A-Za-z0-9.+\-:~]+)\s*\))?"
)


@dataclass(frozen=True, kw_only=True)
class Relation:
    """``name[:qualifier] [(operator version)]``."""

    name: str
    qualifier: str = ""
    operator: str = ""
    version: str = ""

    def __str__(self) -> str:
        name = f"{self.name}:{self.qualifier}" if self.qualifier else self.name
        return f"{name} ({self.operator} {self.version})" if self.operator else name


Alternatives = tuple[Relation, ...]


def paragraphs(text: str) -> Iterator[dict[str, str]]:
    """Each paragraph as lower-case field name → value; continuation lines are joined with newlines, without their
    first blank. Comment lines (``#``) are left out. Raises ValueError for a line that is neither.
    """
    fields: dict[str, str] = {}
    last = ""
    for line in text.splitlines():
        if not line.strip():
            if fields:
                yield fields
            fields, last = {}, ""
        elif line[0] == "#":
            continue
        elif line[0] in " \t":
            if not last:
                raise ValueError("a continuation line without a field before it")
            fields[last] += "\n" + line[1:]
        else:
            match = _FIELD.fullmatch(line)
            if not match:
                raise ValueError("a line that is not 'Field: value'")
            last = match[1].lower()
            fields[last] = match[2].rstrip()
    if fields:
        yield fields


def relations(text: str) -> tuple[Alternatives, ...]:
    """``a | b (>= 1), c`` → ((a, b), (c,)). Raises ValueError for what is not a relation of a binary package."""
    return tuple(
        tuple(_relation(alternative) for alternative in group.split("|")) for group in text.split(",") if group.strip()
    )


def _relation(text: str) -> Relation:
    match = _RELATION.fullmatch(text.strip())
    if not match:
        raise ValueError(f"not a package relation: {text.strip()[:80]!r}")
    return Relation(**match.groupdict(default=""))
