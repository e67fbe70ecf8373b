"""No core dumps: a crashed process' memory has every secret that it was given."""

from __future__ import annotations


def forbid_core_dumps() -> None:
    """Set RLIMIT_CORE of this process, and so of those it starts, to nothing for good (setrlimit(2)).

    Nothing happens where there are no such limits, as on Windows.
    """
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
