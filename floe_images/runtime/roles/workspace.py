"""Dagster's side of a server: its instance, and the one code location that it shows or runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from floe_images.runtime.places import Places
from floe_images.runtime.storage import prepare_storage
from floe_images.runtime.storage_fault import telling_storage_faults

LOCATION = "floe_images.runtime.location"  # what a code server loads


@contextmanager
def workspace(address: str, *, name: str, version: str, places: Places, web: bool) -> Iterator[Any]:
    """The instance of DAGSTER_HOME with the code server at ``address`` (a gRPC target) as location ``name``.

    Raise InfrastructureError, DiskFullError or DiskError where its storage fails.
    """
    from dagster import DagsterInstance
    from dagster._core.workspace.context import WorkspaceProcessContext

    prepare_storage(places, os.environ)
    with telling_storage_faults(places.state, "Dagster's storage was lost"), DagsterInstance.get() as instance:
        if web:
            instance.optimize_for_webserver(15_000, 3_600, 20)  # dagster-webserver's own defaults
        with WorkspaceProcessContext(instance, target(address, name), version=version) as context:
            yield context


def target(address: str, name: str) -> Any:
    from dagster._core.workspace.load_target import GrpcServerTarget

    if address.startswith("unix:"):
        socket = address.removeprefix("unix:")
        return GrpcServerTarget(host="localhost", port=None, socket=socket, location_name=name)
    host, _, port = address.rpartition(":")
    return GrpcServerTarget(host=host.strip("[]"), port=int(port), socket=None, location_name=name)
