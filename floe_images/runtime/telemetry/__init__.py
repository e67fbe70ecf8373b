"""OpenTelemetry and OpenLineage for whoever floe.yaml names, in a way that no run can be hurt by. Off by default."""

from __future__ import annotations

from collections.abc import Mapping

from floe_images.artifacts.events import Observer
from floe_images.artifacts.model import CompiledArtifacts
from floe_images.runtime.places import Places


def telemetry_observers(
    artifacts: CompiledArtifacts, *, places: Places, environ: Mapping[str, str]
) -> tuple[Observer, ...]:
    """One observer that tells every endpoint of floe.yaml's ``observability``; none where it names none.

    Nothing is contacted, read or imported before the first event; a secret that is missing then is said at the end, and
    what was to be sent with it waits for the next run. Never raises.
    """
    observability = artifacts.observability
    if observability.traces is None and observability.lineage is None:
        return ()
    from floe_images.runtime.telemetry.channels import make_channels
    from floe_images.runtime.telemetry.observer import Telemetry

    return (Telemetry(make_channels(artifacts, places=places, environ=environ)),)
