"""Which services are up."""

from __future__ import annotations

from collections.abc import Sequence

from floe_images.engine.compose import ComposeProject, states
from floe_images.errors import ServiceError, UsageError


def check_names(project: ComposeProject, wanted: Sequence[str]) -> None:
    """Raises ServiceError where nothing is up, UsageError for a name that no container has."""
    known = [state.service for state in states(project.name)]
    if not known or not project.files:
        raise ServiceError("nothing is up", hint="`floe up` starts the platform")
    for name in wanted:
        if name not in known:
            raise UsageError(f"there is no service {name!r}", hint=f"the services are: {', '.join(known)}")
