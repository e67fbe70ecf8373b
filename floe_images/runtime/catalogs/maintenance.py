"""Looks after Iceberg tables: old snapshots, files that nothing refers to, and files that are small or half deleted.

`plan_table` says what would be done and changes nothing; `perform` does what a plan says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from floe_images.runtime.catalogs.files import StoredFile, place, referred, stored
from floe_images.runtime.catalogs.table import rewrite

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Snapshots younger than ``keep`` stay, and the newest ``keep_last`` in any case; a file that nothing refers to
    goes when it is older than ``orphans``, since it may belong to a write that is under way; a table of more than
    ``small_files`` files that are smaller than ``small`` bytes on the average is written anew."""

    keep: timedelta = timedelta(days=7)
    keep_last: int = 5
    orphans: timedelta = timedelta(days=3)
    small_files: int = 20
    small: int = 16 * 2**20


@dataclass(frozen=True, kw_only=True)
class Rewrite:
    """Files that a reader opens now: of rows, and of positions of rows that are deleted."""

    data_files: int
    delete_files: int


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is to be done for one table."""

    table: tuple[str, ...]
    rewrite: Rewrite | None
    expire: tuple[int, ...]
    remove: tuple[StoredFile, ...]

    def __bool__(self) -> bool:
        return bool(self.rewrite or self.expire or self.remove)


def tables(catalog: Catalog) -> Iterator[tuple[str, ...]]:
    """The identifiers of all tables, of namespaces in namespaces too."""
    waiting = [*catalog.list_namespaces()]
    while waiting:
        namespace = tuple(waiting.pop(0))
        yield from (tuple(identifier) for identifier in catalog.list_tables(namespace))
        waiting += [each for each in catalog.list_namespaces(namespace) if len(each) > len(namespace)]


def plan_table(catalog: Catalog, identifier: tuple[str, ...], policy: Policy, *, now: datetime) -> Work:
    """Read the table's metadata and list its files."""
    files = tuple(stored(catalog.load_table(identifier)))
    table = catalog.load_table(identifier)  # after the listing: what was committed meanwhile is referred to
    expire = _expired(table, now - policy.keep, policy.keep_last)
    known = referred(table, without=expire)
    oldest = now - policy.orphans
    return Work(
        table=identifier,
        rewrite=_worth_rewriting(table, policy),
        expire=expire,
        remove=tuple(sorted(file for file in files if file.modified < oldest and place(file.location) not in known)),
    )


def perform(catalog: Catalog, work: Work) -> None:
    """Do it. A table that somebody else has written to meanwhile is not rewritten: PyIceberg's CommitFailedException.

    No file goes that the metadata, as it is after all that, refers to.
    """
    if work.rewrite:
        rewrite(catalog.load_table(work.table))
    if work.expire:
        table = catalog.load_table(work.table)
        left = {snapshot.snapshot_id for snapshot in table.metadata.snapshots}
        table.maintenance.expire_snapshots().by_ids([each for each in work.expire if each in left]).commit()
    if work.remove:
        table = catalog.load_table(work.table)
        known = referred(table)
        for file in work.remove:
            if place(file.location) not in known:
                table.io.delete(file.location)


def _expired(table: Table, before: datetime, keep_last: int) -> tuple[int, ...]:
    """Of no branch's or tag's head, nor among the newest of the main branch."""
    metadata = table.metadata
    kept = {reference.snapshot_id for reference in metadata.refs.values()}
    snapshot = table.current_snapshot()
    for _ in range(keep_last):
        if snapshot is None:
            break
        kept.add(snapshot.snapshot_id)
        parent = snapshot.parent_snapshot_id
        snapshot = metadata.snapshot_by_id(parent) if parent is not None else None
    limit = before.timestamp() * 1000
    return tuple(
        each.snapshot_id for each in metadata.snapshots if each.timestamp_ms < limit and each.snapshot_id not in kept
    )


def _worth_rewriting(table: Table, policy: Policy) -> Rewrite | None:
    tasks = [*table.scan().plan_files()]
    deletes = {file.file_path for task in tasks for file in task.delete_files}
    size = sum(task.file.file_size_in_bytes for task in tasks)
    many = len(tasks) > policy.small_files and size / len(tasks) < policy.small
    return Rewrite(data_files=len(tasks), delete_files=len(deletes)) if deletes or many else None


def utc_now() -> datetime:
    return datetime.now(timezone.utc)
