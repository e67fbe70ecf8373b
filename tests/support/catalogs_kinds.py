"""Catalogs of floe.yaml in front of real servers: the settings as a user writes them, and as one without floe would."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import jars
from tests.support.catalogs_clouds import BUCKET, amazon, azure_storage, google_storage, why_no_node
from tests.support.catalogs_java import hive, iceberg_rest
from tests.support.lake import lake_server

_FSSPEC = "pyiceberg.io.fsspec.FsspecFileIO"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """``yaml`` is one entry of floe.yaml's ``catalogs``; ``plain`` are PyIceberg's properties, written by hand."""

    yaml: str
    plain: Mapping[str, str] = field(repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@contextmanager
def _google(folder: Path) -> Iterator[Kind]:
    with google_storage(folder) as address:
        plain = {"py-io-impl": _FSSPEC, "gcs.service.host": address, "gcs.oauth2.token": "anon"}
        storage = f"{{type: gcs, location: 'gs://{BUCKET}/w', endpoint: '{address}'}}"
        yield Kind(yaml=_local(storage), plain={**_sqlite(folder), "warehouse": f"gs://{BUCKET}/w", **plain})


@contextmanager
def _azure(folder: Path) -> Iterator[Kind]:
    with azure_storage(folder) as azure:
        location = f"abfss://{BUCKET}@{azure.account}.dfs.core.windows.net/w"
        plain = {"py-io-impl": _FSSPEC, "adls.account-name": azure.account, "adls.connection-string": azure.connection}
        storage = (
            f"{{type: azure, location: '{location}', account: {azure.account}, account_key: {{secret: azure}}, "
            f"endpoint: '{azure.endpoint}'}}"
        )
        plain = {**_sqlite(folder), "warehouse": location, **plain}
        yield Kind(yaml=_local(storage), plain=plain, secrets={"azure": azure.key})


@contextmanager
def _glue(folder: Path) -> Iterator[Kind]:
    with amazon(folder) as address:
        storage = (
            f"{{type: s3, location: 's3://{BUCKET}/w', endpoint: '{address}', region: us-east-1, path_style: true, "
            "access_key_id: key, secret_access_key: {secret: aws}}"
        )
        yaml = (
            f"{{type: glue, region: us-east-1, endpoint: '{address}', access_key_id: key, "
            f"secret_access_key: {{secret: aws}}, storage: {storage}}}"
        )
        plain = {
            "type": "glue",
            "client.region": "us-east-1",
            "client.access-key-id": "key",
            "client.secret-access-key": "se-cret",
            "glue.endpoint": address,
            "s3.endpoint": address,
        }
        yield Kind(yaml=yaml, plain=plain, secrets={"aws": "se-cret"})


@contextmanager
def _hive(folder: Path) -> Iterator[Kind]:
    with hive(folder) as uri:
        yaml = f"{{type: hive, uri: '{uri}', storage: {{type: local, path: /var/lib/floe/hive}}}}"
        yield Kind(yaml=yaml, plain={"type": "hive", "uri": uri})


@contextmanager
def _rest(folder: Path) -> Iterator[Kind]:
    with iceberg_rest(folder) as uri:
        yaml = f"{{type: rest, uri: '{uri}', storage: {{type: local, path: /var/lib/floe/tables}}}}"
        yield Kind(yaml=yaml, plain={"type": "rest", "uri": uri, "header.X-Iceberg-Access-Delegation": ""})


@contextmanager
def _polaris(folder: Path) -> Iterator[Kind]:
    """Somebody else's, by an address and a credential; here of SeaweedFS, which knows all that a client says."""
    with lake_server(folder) as lake:
        storage = (
            f"{{type: s3, endpoint: '{lake.s3}', region: us-east-1, path_style: true, "
            f"access_key_id: {lake.key}, secret_access_key: {{secret: s3}}}}"
        )
        yaml = (
            f"{{type: polaris, uri: '{lake.catalog}', warehouse: {lake.warehouse}, credential: {{secret: lake}}, "
            f"storage: {storage}}}"
        )
        secrets = {"lake": f"{lake.key}:{lake.secret}", "s3": lake.secret}
        yield Kind(yaml=yaml, plain=lake.properties, secrets=secrets)


def _local(storage: str) -> str:
    return f"{{type: local, warehouse: /var/lib/floe/catalog, storage: {storage}}}"


def _sqlite(folder: Path) -> dict[str, str]:
    """The catalog's file in a `dbt_world` whose folder is ``world`` in this one."""
    return {"type": "sql", "uri": f"sqlite:///{folder}/world/state/catalog/catalog.sqlite"}


def why_not(kind: str) -> str | None:
    """One line where its server cannot run here."""
    reason = {"azure": why_no_node, "hive": jars.why_not, "rest": jars.why_not}.get(kind, lambda: None)()
    return reason and f"NOT RUN against a real server: a catalog or storage of the type {kind}: {reason}"


KINDS: Mapping[str, Callable[[Path], AbstractContextManager[Kind]]] = {
    "gcs": _google,
    "azure": _azure,
    "glue": _glue,
    "hive": _hive,
    "rest": _rest,
    "polaris": _polaris,
}
