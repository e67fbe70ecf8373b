"""Which files have arrived since the last look, as values: no Dagster in here."""

from __future__ import annotations

import glob
import hashlib
import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: By path: size in bytes, and the time of the last change in nanoseconds since the epoch.
Seen = Mapping[str, tuple[int, int]]

_SETTLED = 2 * 10**9  # nanoseconds without a change: a file that is still being written is not there yet


@dataclass(frozen=True, kw_only=True)
class Look:
    """``arrived``: paths that are new or have changed; ``waiting``: those that are still being written."""

    arrived: tuple[str, ...]
    waiting: tuple[str, ...]
    seen: Seen

    @property
    def key(self) -> str:
        """The same for the same arrivals, so that one arrival is one run."""
        told = json.dumps([(path, self.seen[path]) for path in self.arrived])
        return hashlib.sha256(told.encode()).hexdigest()[:32]


def look(pattern: str, before: Seen, *, now: int) -> Look:
    """Look at the files that ``pattern`` names; ``*`` and ``?`` match within a name. ``now``: ns since the epoch.

    Hidden files are not matched by a leading ``*``, as in a shell: programs write under such names before they rename.
    """
    seen: dict[str, tuple[int, int]] = {}
    arrived: list[str] = []
    waiting: list[str] = []
    for path in sorted(glob.glob(_only_stars(pattern))):  # noqa: PTH207  an absolute pattern with stars anywhere
        try:
            found = Path(path).stat()
        except OSError:
            continue  # gone between the two calls
        if not stat.S_ISREG(found.st_mode):
            continue
        now_is = (found.st_size, found.st_mtime_ns)
        if before.get(path) == now_is:
            seen[path] = now_is
        elif 0 <= now - found.st_mtime_ns < _SETTLED:
            waiting.append(path)
            if path in before:
                seen[path] = before[path]
        else:
            arrived.append(path)
            seen[path] = now_is
    return Look(arrived=tuple(arrived), waiting=tuple(waiting), seen=seen)


def to_cursor(seen: Seen) -> str:
    """What `from_cursor` reads."""
    return json.dumps({path: list(each) for path, each in seen.items()}, separators=(",", ":"))


def from_cursor(cursor: str | None) -> dict[str, tuple[int, int]]:
    """Nothing seen where there is no cursor, or one that is not ours."""
    try:
        return {str(path): (int(size), int(changed)) for path, (size, changed) in json.loads(cursor or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _only_stars(pattern: str) -> str:
    """``[`` is a character like others in floe.yaml."""
    return pattern.replace("[", "[[]")
