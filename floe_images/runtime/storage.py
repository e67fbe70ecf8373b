"""Dagster's storage, made or brought up to date by one process at a time: Dagster's own making of it is not safe."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping

from floe_images.errors import InfrastructureError
from floe_images.runtime.dbt.lock import WriterLock
from floe_images.runtime.metadata import connect_postgres
from floe_images.runtime.places import Places
from floe_images.runtime.storage_fault import telling_storage_faults

_LOG = logging.getLogger("floe")
_MADE_BY = "floe/dagster"  # under this key the storage says which Dagster's tables it has
_LOCK = 0x666C6F65  # any number that nobody else takes for an advisory lock of this database


def prepare_storage(places: Places, environ: Mapping[str, str]) -> None:
    """Return when DAGSTER_HOME's storage has the tables of this Dagster.

    Servers of one site start at the same time and each would make them. Raise InfrastructureError, DiskFullError,
    DiskError.
    """
    from dagster import DagsterInstance, __version__

    making = telling_storage_faults(places.state, "Dagster's storage cannot be made ready")
    with making, _alone(places, environ), DagsterInstance.get() as instance:
        storage = instance.daemon_cursor_storage
        made_by = storage.get_cursor_values({_MADE_BY}).get(_MADE_BY)
        if made_by == __version__:
            return
        if made_by is not None:
            _LOG.info("Dagster's storage, made by Dagster %s, is brought up to date for %s", made_by, __version__)
            try:
                instance.upgrade()
            except Exception as fault:
                raise InfrastructureError(
                    f"Dagster's storage of Dagster {made_by} cannot be used by {__version__}: {type(fault).__name__}",
                    hint="start the image that it was made by, or restore a backup",
                ) from fault
        storage.set_cursor_values({_MADE_BY: __version__})


@contextlib.contextmanager
def _alone(places: Places, environ: Mapping[str, str]) -> Iterator[None]:
    """Held by one process at a time: by a file on the state volume, or by Postgres where that is the storage."""
    connection = connect_postgres(environ)
    if connection is None:
        with WriterLock(places.state / "dagster", run="of another role") as lock:
            lock.acquire(_LOG.debug)
            yield
        return
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", (_LOCK,))  # freed with the connection
        yield
