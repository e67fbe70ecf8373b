"""Writes an Iceberg table with PyIceberg: one commit makes it, overwrites it or appends to it.

Whoever reads sees the table before or after, and after a kill it is as it was; the files of an unfinished write are
referred to by nothing, and ``maintenance`` finds them.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from floe_images.errors import ProjectError, disk_error
from floe_images.runtime.catalogs.lookup import Properties
from floe_images.runtime.catalogs.types import PartitionField

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table, Transaction
    from pyiceberg.types import IcebergType

FORMAT_VERSION = "2"
_CHUNK = 256 * 2**20  # bytes of Arrow data that a partitioned table's write holds at a time
_ID = re.compile(r"-?\b\d+: ")
Mode = Literal["overwrite", "append"]


def open_catalog(name: str, properties: Properties) -> Catalog:
    """PyIceberg's client. The folder of a ``local`` catalog is made. Raise ProjectError, DiskError, DiskFullError."""
    try:
        from pyiceberg.catalog import load_catalog
    except ImportError:
        raise ProjectError(
            "PyIceberg is not installed here", hint="run floe lock and floe build: catalogs in floe.yaml bring it"
        ) from None
    if os.environ.get("SSL_CERT_FILE") and not os.environ.get("REQUESTS_CA_BUNDLE"):
        # pyarrow reads it by itself; requests and boto3 would ask only the authorities that came with them.
        os.environ["REQUESTS_CA_BUNDLE"] = os.environ["SSL_CERT_FILE"]
    if "gcs.service.host" in properties:
        # Read when gcsfs is imported: it would ask Google's own control API about the bucket, for minutes.
        os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    if properties.get("type") == "sql":
        folder = Path(properties["uri"].removeprefix("sqlite:///")).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise disk_error(fault, str(folder)) from None
    return load_catalog(name, **properties)


def has_data(catalog: Catalog, identifier: tuple[str, ...]) -> bool:
    """Whether the table is there and something has been written to it, be it no row."""
    from pyiceberg.exceptions import NoSuchTableError

    try:
        return catalog.load_table(identifier).current_snapshot() is not None
    except NoSuchTableError:
        return False


def write_table(
    catalog: Catalog,
    identifier: tuple[str, ...],
    rows: pa.RecordBatchReader,
    *,
    mode: Mode = "overwrite",
    partition: Sequence[PartitionField] = (),
) -> None:
    """Write all ``rows`` in one commit; ``identifier`` is the namespace's names and the table's.

    A table that is not there is made, with format version 2. One that is there is evolved to the columns of ``rows``:
    new ones are added, types are widened; on ``overwrite`` the others go, or are made anew where a type does not fit.
    ``partition`` is what the table is partitioned by from now on; none leaves that as it is.
    """
    from pyiceberg.exceptions import NoSuchTableError
    from pyiceberg.expressions import AlwaysTrue

    try:
        table = catalog.load_table(identifier)
    except NoSuchTableError:
        _make_namespace(catalog, identifier[:-1])
        _create(catalog, identifier, rows, partition)
        return
    _check(partition, rows.schema)
    with table.transaction() as transaction:
        if mode == "overwrite":
            # First, as PyIceberg cannot delete files by a partition of a column that is gone.
            transaction.delete(AlwaysTrue())
        _evolve(transaction, rows.schema, drop=mode == "overwrite")
        if partition:
            _repartition(transaction, partition)
        _append(transaction, rows)


def rewrite(table: Table) -> None:
    """The same rows in new files, in one commit: as few as PyIceberg writes, and none with rows that are deleted."""
    from pyiceberg.expressions import AlwaysTrue

    with table.transaction() as transaction:
        rows = table.scan().to_arrow_batch_reader()
        transaction.delete(AlwaysTrue())
        _append(transaction, rows)


def _make_namespace(catalog: Catalog, namespace: tuple[str, ...]) -> None:
    """Whoever makes it: two models that are finished at the same time may both find that it is not there."""
    if catalog.namespace_exists(namespace):
        return
    try:
        catalog.create_namespace(namespace)
    except Exception:  # what it says differs from catalog to catalog, and a database's own errors come through
        if not catalog.namespace_exists(namespace):
            raise


def _create(
    catalog: Catalog, identifier: tuple[str, ...], rows: pa.RecordBatchReader, partition: Sequence[PartitionField]
) -> None:
    """Staged: the catalog knows of the table when its rows are there."""
    _check(partition, rows.schema)
    staged = catalog.create_table_transaction(
        identifier, schema=rows.schema, properties={"format-version": FORMAT_VERSION}
    )
    with staged as transaction:
        if partition:
            _repartition(transaction, partition)
        _append(transaction, rows)


def _append(transaction: Transaction, rows: pa.RecordBatchReader) -> None:
    if transaction.table_metadata.spec().is_unpartitioned():
        transaction.append(rows)
        return
    # PyIceberg streams into unpartitioned tables only; each chunk is a snapshot of the same commit.
    for chunk in _chunks(rows):
        transaction.append(chunk)


def _chunks(rows: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """At least one, which may be empty."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    size, told = 0, False
    for batch in rows:
        waiting.append(batch)
        size += batch.nbytes
        if size >= _CHUNK:
            yield pa.Table.from_batches(waiting, rows.schema)
            waiting, size, told = [], 0, True
    if waiting or not told:
        yield pa.Table.from_batches(waiting, rows.schema)


def _evolve(transaction: Transaction, schema: pa.Schema, *, drop: bool) -> None:
    """A column whose type neither is nor can become the new one is dropped, and added again under its name."""
    from pyiceberg.io.pyarrow import _pyarrow_to_schema_without_ids

    known = {field.name: field.field_type for field in transaction.table_metadata.schema().fields}
    wanted = {field.name: field.field_type for field in _pyarrow_to_schema_without_ids(schema).fields}
    unfit = [name for name, kind in wanted.items() if name in known and not _fits(known[name], kind)]
    if unfit and not drop:
        raise ProjectError(f"{', '.join(unfit)}: the type is another than the table's, and rows are only appended")
    gone = [name for name in known if name not in wanted] if drop else []
    if gone or unfit:
        _release(transaction, {*gone, *unfit})
        with transaction.update_schema(allow_incompatible_changes=True) as update:
            for name in (*gone, *unfit):
                update.delete_column((name,))
    if any(name not in known or not _same(known[name], kind) for name, kind in wanted.items()):
        with transaction.update_schema() as update:
            update.union_by_name(schema)


def _fits(known: IcebergType, wanted: IcebergType) -> bool:
    """Whether the table's type is the new one, can be widened to it, or is itself the wider one.

    https://iceberg.apache.org/spec/#schema-evolution
    """
    from pyiceberg.exceptions import ResolveError
    from pyiceberg.schema import promote

    if _same(known, wanted):
        return True
    if not (known.is_primitive and wanted.is_primitive):
        return False
    for one, other in ((known, wanted), (wanted, known)):
        with contextlib.suppress(ResolveError):
            promote(one, other)
            return True
    return False


def _same(one: IcebergType, other: IcebergType) -> bool:
    """But for the fields' ids, which a type that comes from Arrow has none of."""
    return bool(_ID.sub("", str(one)) == _ID.sub("", str(other)))


def _check(partition: Sequence[PartitionField], schema: pa.Schema) -> None:
    for field in partition:
        if field.column not in schema.names:
            raise ProjectError(f"partition_by names the column {field.column}, which is not there")


def _release(transaction: Transaction, columns: set[str]) -> None:
    """The table is not partitioned by these any more, since they go."""
    metadata = transaction.table_metadata
    schema = metadata.schema()
    held = [field.name for field in metadata.spec().fields if schema.find_column_name(field.source_id) in columns]
    if held:
        with transaction.update_spec() as update:
            for name in held:
                update.remove_field(name)


def _repartition(transaction: Transaction, partition: Sequence[PartitionField]) -> None:
    """The table's spec becomes this one; what is partitioned otherwise stays so until it is written again."""
    from pyiceberg.transforms import parse_transform

    metadata = transaction.table_metadata
    schema = metadata.schema()
    current = [
        (schema.find_column_name(field.source_id), str(field.transform), field.name) for field in metadata.spec().fields
    ]
    wanted = [(field.column, field.transform_text) for field in partition]
    if [(column, transform) for column, transform, _ in current] == wanted:
        return
    with transaction.update_spec() as update:
        for column, transform, name in current:
            if (column, transform) not in wanted:
                update.remove_field(name)
        for field in partition:
            if (field.column, field.transform_text) not in [(column, transform) for column, transform, _ in current]:
                update.add_field(field.column, parse_transform(field.transform_text))
