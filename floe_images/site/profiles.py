"""What of a platform comes up: a profile is a choice of compose files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from floe_images.engine.compose import ComposeProject, ContainerState
from floe_images.errors import UsageError

Profile = Literal["all", "services"]
PROFILES: tuple[Profile, ...] = get_args(Profile)
_PIPELINE = "dagster"  # the file of the pipeline's own containers


def chosen(project: ComposeProject, profile: Profile) -> ComposeProject:
    """``all``, or floe's own ``services`` without Dagster; what is left out goes down.

    Raises UsageError where floe.yaml has no services.
    """
    if profile == "all":
        return project
    files = tuple(file for file in project.files if file.stem != _PIPELINE)
    if not files:
        raise UsageError("floe.yaml has no services to bring up", hint="`services: {postgres: {}}`, for one")
    return ComposeProject(name=project.name, files=files)


def as_it_was(project: ComposeProject, found: Iterable[ContainerState]) -> ComposeProject:
    """The profile that the containers ``found`` came up with."""
    return project if any(state.service == "code-server" for state in found) else chosen(project, "services")
