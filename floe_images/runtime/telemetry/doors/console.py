"""OpenLineage into the log: one line an event."""

from __future__ import annotations

import logging

from floe_images.runtime.telemetry.parcel import Parcel

_log = logging.getLogger("floe.lineage")


class ConsoleDoor:
    def send(self, parcel: Parcel) -> int:
        _log.info("%s", parcel.body.decode())
        return 0

    def close(self) -> None:
        """Nothing is open."""
