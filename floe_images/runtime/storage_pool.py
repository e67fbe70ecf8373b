"""Pooled connections to Dagster's Postgres that a restart of it has closed: nobody's question fails of one."""

from __future__ import annotations

from typing import Any


def try_before_use() -> None:
    """From now on, a pool of this process tries a connection of psycopg2's before it hands it out, and makes another.

    Dagster gives its webserver a pool for each of its storages and no way to say so.
    https://docs.sqlalchemy.org/en/20/core/pooling.html#custom-legacy-pessimistic-ping
    """
    from sqlalchemy import event, exc
    from sqlalchemy.pool import QueuePool

    @event.listens_for(QueuePool, "checkout")  # type: ignore[untyped-decorator]
    def try_it(connection: Any, _record: Any, _proxy: Any) -> None:
        if not type(connection).__module__.startswith("psycopg2"):
            return
        try:
            with connection.cursor() as cursor:
                cursor.execute("select 1")
        except Exception as fault:
            raise exc.DisconnectionError from fault
