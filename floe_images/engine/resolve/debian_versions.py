"""Debian version numbers: their order and the relations of dependency fields (deb-version(7), Policy 7.1)."""

from __future__ import annotations

import functools
import re

VersionKey = tuple[int, tuple[tuple[tuple[int, ...], int], ...], tuple[tuple[tuple[int, ...], int], ...]]

_PART = re.compile(r"([^0-9]*)([0-9]*)")
_END = ((0,), 0)


@functools.lru_cache(maxsize=4096)
def version_key(version: str) -> VersionKey:
    """A key that sorts as ``dpkg --compare-versions`` does: ``[epoch:]upstream[-revision]``.

    Raises ValueError where the epoch is not a number.
    """
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return int(epoch), _parts(upstream), _parts(revision)


def satisfies(version: str, operator: str, wanted: str) -> bool:
    """Whether ``version`` fulfils ``(operator wanted)``; an empty operator is always fulfilled."""
    if not operator:
        return True
    have, want = version_key(version), version_key(wanted)
    return {"<<": have < want, "<=": have <= want, "=": have == want, ">=": have >= want, ">>": have > want}[operator]


def _parts(text: str) -> tuple[tuple[tuple[int, ...], int], ...]:
    parts = [(_order(letters), int(digits or "0")) for letters, digits in _PART.findall(text)]
    # A missing part counts as an empty one, so "1.0" and "1.00" and "" and "0" are equal.
    while parts and parts[-1] == _END:
        parts.pop()
    # Two ends, since "0" begins with what looks like one: "0~" is before "0".
    return (*parts, _END, _END)


def _order(letters: str) -> tuple[int, ...]:
    """Tilde before the end, the end before letters, letters before everything else."""
    return (*(-1 if c == "~" else ord(c) if c.isalpha() else ord(c) + 256 for c in letters), 0)
