"""The role ``dev``: webserver, daemon and code server in one container, for a laptop."""

from __future__ import annotations

from collections.abc import Sequence

from floe_images.runtime.roles import webserver


def run(arguments: Sequence[str]) -> int:
    """Serve until a signal comes, or until one of the three ends."""
    return webserver.run(arguments, daemon=True)
